"""What operators are told."""

import json

import pytest

from runtime.telemetry import Telemetry


def test_failure_is_told_by_its_kinds_and_places_and_never_by_its_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Powertools keeps a logger, and where it writes to, for each service.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "telemetry")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "LogisticsTracking")
    telemetry = Telemetry("test")
    telemetry.start("request-1")
    secret = "PKG-1 of Jane Doe"
    try:
        try:
            raise KeyError(secret)
        except KeyError as cause:
            raise RuntimeError(f"no {secret}") from cause
    except RuntimeError as error:
        telemetry.failure("A fault in the function", error)
    text = capsys.readouterr().out
    line = json.loads(text)
    assert (line["level"], line["message"]) == ("ERROR", "A fault in the function")
    assert line["kinds"] == ["RuntimeError", "KeyError"]
    assert line["correlation_id"] == "request-1"
    assert __name__.rpartition(".")[2] in line["frames"][0]
    assert "Jane Doe" not in text
