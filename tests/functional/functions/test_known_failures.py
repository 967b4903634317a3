"""Requests on which handlers of this kind are known to fail, each by its name."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.functional.conftest import Caller
from tracking.wiring import make_api

NOW = 1_700_000_000_000


def test_post_with_fractions_was_500(caller: Caller, update: dict[str, Any]) -> None:
    assert caller.post({**update, "location": {"lat": 40.7128, "lng": -74.006}}).status == 200


def test_get_that_finds_an_update_was_500(caller: Caller, update: dict[str, Any]) -> None:
    caller.post(update)
    assert caller.get("/status", tracking_id=update["tracking_id"]).body["count"] == 1


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"body": '{"tracking_id":'}, id="malformed JSON"),
        pytest.param({"body": None}, id="null body"),
        pytest.param({"body": ""}, id="empty body"),
        pytest.param({"body": "{}", "isBase64Encoded": True}, id="body that is not base64"),
        pytest.param({}, id="no body"),
    ],
)
def test_body_was_500(caller: Caller, event: dict[str, Any]) -> None:
    assert caller.invoke({"path": "/track", "httpMethod": "POST", **event}).status == 400


def test_base64_body_was_500(caller: Caller, update: dict[str, Any]) -> None:
    body = base64.b64encode(json.dumps(update).encode()).decode()
    event = {"path": "/track", "httpMethod": "POST", "body": body, "isBase64Encoded": True}
    assert caller.invoke(event).status == 200


@pytest.mark.parametrize("tracking_id", [1, 1.5, True, None, [], {}])
def test_tracking_id_that_is_no_text_was_500(
    caller: Caller, update: dict[str, Any], tracking_id: Any
) -> None:
    assert caller.post({**update, "tracking_id": tracking_id}).status == 400


@pytest.mark.parametrize("limit", ["abc", "-1", "0", "1.5", "99999999999"])
def test_bad_limit_was_500(caller: Caller, limit: str) -> None:
    assert caller.get("/status", tracking_id="A", limit=limit).status == 400


@pytest.mark.parametrize("last_key", ["abc", "{", "null", '{"tracking_id":"B","timestamp":1}', "%7B%7D"])
def test_bad_last_key_was_500(caller: Caller, last_key: str) -> None:
    assert caller.get("/status", tracking_id="A", last_key=last_key).status == 400


@pytest.mark.parametrize("location", ["lat,lng", {"lat": "abc", "lng": 1}, {"lat": 999, "lng": 1}])
def test_location_that_is_none_was_stored(caller: Caller, update: dict[str, Any], location: Any) -> None:
    assert caller.post({**update, "location": location}).status == 400
    assert caller.history(update["tracking_id"]) == []


def test_unknown_field_was_dropped_silently(caller: Caller, update: dict[str, Any]) -> None:
    answer = caller.post({**update, "speed": 80})
    assert answer.status == 400
    assert "/speed" in answer.body["error"]


def test_missing_flags_made_every_route_500(
    environment: dict[str, str], put_parameters: Callable[..., dict[str, str]], update: dict[str, Any]
) -> None:
    caller = Caller(make_api({**environment, **put_parameters(None, None)}), environment)
    assert caller.post(update).status == 200
    assert caller.get("/status", tracking_id=update["tracking_id"]).status == 200
    assert caller.get("/updates", status="failed").status == 200


def test_update_of_the_same_millisecond_was_overwritten(caller: Caller, update: dict[str, Any]) -> None:
    for status in ("pending", "in_transit"):
        assert caller.post({**update, "timestamp": NOW, "status": status}).status == 200
    assert len(caller.history(update["tracking_id"])) == 2


@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "retry"}])
def test_three_retries_made_three_duplicates(
    caller: Caller, update: dict[str, Any], headers: dict[str, str]
) -> None:
    body = update if headers else {**update, "timestamp": NOW}
    key = {name: value + update["tracking_id"] for name, value in headers.items()}
    answers = [caller.post(body, **key) for _ in range(4)]
    assert all(answer.body == answers[0].body for answer in answers)
    assert len(caller.history(update["tracking_id"])) == 1
