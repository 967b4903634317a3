"""A warm request makes one call to AWS."""

import json
from typing import Any

import pytest

from tests.functional.conftest import Caller
from tests.line import Line
from tracking.wiring import make_api

NOW = 1_700_000_000_000


def test_post(line_caller: Caller, line: Line, update: dict[str, Any]) -> None:
    line.calls.clear()
    assert line_caller.post(update).status == 200
    assert line.calls == ["PutItem"]


@pytest.mark.parametrize(("path", "field"), [("/status", "tracking_id"), ("/updates", "status")])
def test_get(line_caller: Caller, line: Line, update: dict[str, Any], path: str, field: str) -> None:
    assert line_caller.post(update).status == 200
    line.calls.clear()
    assert line_caller.get(path, **{field: update[field]}).status == 200
    assert line.calls == ["Query"]


def test_get_of_what_may_be_a_carriers_number(line_caller: Caller, line: Line, shipment: str) -> None:
    line.calls.clear()
    assert line_caller.get("/status", tracking_id=shipment).body["updates"] == []
    assert line.calls == ["Query", "Query"]


def test_history_is_what_is_stored_by_then(line_caller: Caller, line: Line, update: dict[str, Any]) -> None:
    # The embedded AWS reads consistently even if it is not asked to.
    for status in ("failed", "pending"):
        assert line_caller.post({**update, "timestamp": 1, "status": status}).status == 200
    line_caller.get("/status", tracking_id=update["tracking_id"])
    queries = [body for call, body in zip(line.calls, line.bodies, strict=True) if call == "Query"]
    # That for the next free millisecond, and that for the history.
    assert [json.loads(query)["ConsistentRead"] for query in queries] == [True, True]


def test_start_reads_both_parameters_in_one(
    line: Line, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.endpoint)
    make_api(environment)
    assert line.calls == ["GetParameters"]
