"""The benchmarks of the notifier and of webhooks."""

import re

import pytest

import delivery.receiver
from bench import notifier, webhooks


def test_the_notifier_is_measured_beside_the_usual_style_without_aws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notifier, "BATCHES", 1)
    monkeypatch.setattr(notifier, "CALL_SECONDS", 0)
    notifier.main()
    calls = re.findall(r"calls/record +([\d.]+) \(([\d.]+)\)", capsys.readouterr().out)
    # A read and a write for each shipment, and ten notifications in a call; the usual style: a call for each.
    assert calls[:2] == [("2.10", "2.00"), ("2.01", "1.10")]
    assert len(calls) == 3


@pytest.mark.slow
def test_what_receivers_that_fail_cost_the_others_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(delivery.receiver, "LIMIT", 1)
    webhooks.main(200)
    said = capsys.readouterr().out
    assert re.findall(r"lost (\d+)  late \d+  stale (\d+)", said) == [("0", "0")] * 2
    assert re.search(r"p50 x [\d.]+, p99 x [\d.]+\n", said)
