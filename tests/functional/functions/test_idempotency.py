"""The header Idempotency-Key."""

import json
import time
from typing import Any

import boto3
import pytest

from tests.functional.conftest import Caller
from tests.synthesis import resource, tracking

NOW = 1_700_000_000_000


def test_retry_is_stored_once(caller: Caller, shipment: str, update: dict[str, Any]) -> None:
    first = caller.post(update, Idempotency_Key=shipment)
    time.sleep(0.005)
    assert caller.post(update, Idempotency_Key=shipment).body == first.body
    assert len(caller.history(update["tracking_id"])) == 1
    time.sleep(0.005)
    assert caller.post(update, Idempotency_Key=shipment + "-2").body["timestamp"] > first.body["timestamp"]


def test_key_with_another_body_is_422(caller: Caller, shipment: str, update: dict[str, Any]) -> None:
    assert caller.post(update, Idempotency_Key=shipment).status == 200
    assert caller.post({**update, "status": "failed"}, Idempotency_Key=shipment).status == 422
    assert len(caller.history(update["tracking_id"])) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\nb"])
def test_bad_key(caller: Caller, update: dict[str, Any], key: str) -> None:
    assert caller.post(update, Idempotency_Key=key).status == 400


def test_invalid_request_leaves_the_key_free(caller: Caller, shipment: str, update: dict[str, Any]) -> None:
    assert caller.post({**update, "status": "?"}, Idempotency_Key=shipment).status == 400
    assert caller.post(update, Idempotency_Key=shipment).status == 200


def test_key_is_kept_for_a_day(caller: Caller, shipment: str, update: dict[str, Any]) -> None:
    caller.post(update, Idempotency_Key=shipment)
    ttl = resource(tracking("dev"), "aws_dynamodb_table", name="tracking-idempotency-dev")["ttl"]
    assert ttl["enabled"] is True
    records = boto3.resource("dynamodb").Table(caller.environment["IDEMPOTENCY_TABLE"]).scan()["Items"]
    assert records
    for record in records:
        assert int(record[ttl["attribute_name"]]) == pytest.approx(time.time() + 86_400, abs=600)
        assert "SHIP" not in str(record)


def test_keys_of_two_callers_are_two_keys(caller: Caller, shipment: str, update: dict[str, Any]) -> None:
    event = {"path": "/track", "httpMethod": "POST", "headers": {"idempotency-key": shipment}}
    for user, status in (
        ("AIDA1", "pending"),
        ("AROA2:session-1", "failed"),
        ("AROA2:session-2", "failed"),
    ):
        identity = {"requestContext": {"identity": {"user": user}}}
        answer = caller.invoke({**event, **identity, "body": json.dumps({**update, "status": status})})
        assert answer.status == 200
    assert len(caller.history(update["tracking_id"])) == 2
