"""The benchmark of the notifier, whose AWS is in its own process."""

import re

import pytest

from bench import notifier


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
