"""POST /track and GET /status against the embedded DynamoDB."""

import base64
import json
import logging
import math
import uuid
from typing import Any

import boto3
import pytest

from tests.functional.conftest import Caller
from tracking import request


@pytest.fixture
def update() -> dict[str, Any]:
    """A valid update of a shipment of its own."""
    return {
        "tracking_id": f"SHIP-{uuid.uuid4()}",
        "status": "in_transit",
        "location": {"lat": 52.52, "lng": 13.405},
        "metadata": {"carrier": "DHL", "weight_kg": 1.5, "tags": ["a", None, True]},
    }


def pointers(answer: Any) -> list[str]:
    """Where an answer says that something is wrong."""
    return [fault["pointer"] for fault in answer.body["errors"]]


def test_update_is_stored_as_system_a_has_it(caller: Caller, update: dict[str, Any]) -> None:
    answer = caller.post(update)

    assert answer.status == 200
    assert answer.body["message"] == "Tracking update stored successfully"
    assert answer.body["tracking_id"] == update["tracking_id"]
    (stored,) = caller.history(update["tracking_id"])
    created_at = stored.pop("created_at")
    assert stored == {**update, "timestamp": answer.body["timestamp"], "environment": "test"}
    assert len(created_at) == len("2025-01-01 00:00:00")
    (item,) = boto3.resource("dynamodb").Table(caller.environment["TABLE_NAME"]).scan()["Items"]
    assert set(item) == {
        "tracking_id", "timestamp", "status", "location", "metadata", "environment", "created_at"
    }  # fmt: skip
    assert item["metadata"]["carrier"] == "DHL"


@pytest.mark.parametrize(
    "number",
    ["0.1", "1e3", "-0.0", "-0", "1.0", "1.10", "1E-7", "1e-130", "9" * 38, "1" + "0" * 60, "1e125", "0e9"]
    + ["12345678901234567890.123456789", "-1.7976931348623157e+100", "3.141592653589793"],
)
def test_numbers_come_back_as_they_were_sent(caller: Caller, number: str) -> None:
    body = f'{{"tracking_id":"N","status":"failed","location":{{"lat":{0},"lng":1.50}},"metadata":{{"~/n":[{number}]}}}}'
    assert caller.post(body).status == 200

    (stored,) = caller.history("N")
    assert repr(stored["metadata"]["~/n"][0]) == repr(json.loads(number))
    assert math.copysign(1, stored["metadata"]["~/n"][0]) == math.copysign(1, float(number))
    assert repr(stored["location"]["lng"]) == "1.5"


@pytest.mark.parametrize("number", ["1e126", "1e-131", "9" * 39, "0." + "1" * 39, "1e99999999999999999999"])
def test_number_that_dynamodb_cannot_hold_is_400(caller: Caller, update: dict[str, Any], number: str) -> None:
    body = json.dumps({**update, "metadata": {"n": "here"}}).replace('"here"', number)
    answer = caller.post(body)
    assert answer.status == 400
    assert pointers(answer) == ["/metadata/n"]


@pytest.mark.parametrize("parameter", ["[]", "{", "", "[" * 4000])
def test_body_limit_says_what_it_is(caller: Caller, parameter: str) -> None: ...
