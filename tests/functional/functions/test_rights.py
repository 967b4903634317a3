"""That the functions call all that tests/rights.py lists; the fixture `calls` finds what they call beyond it."""

from types import SimpleNamespace
from typing import Any

import boto3
import pytest

import contract
from deadlines.wiring import make_sweep
from notifier.wiring import make_notifier
from projector.wiring import make_projector
from storage.shipments import encode_reference
from tests.conftest import environment_suffix
from tests.functional.conftest import Caller
from tests.functional.functions.conftest import Public
from tests.invocations import handle
from tests.manager import Manager
from tests.outbound import Outbound, context, notification, receiving
from tests.pipeline import Pipeline
from tests.rights import FUNCTIONS, Right
from tests.senders import Sender
from tracking.wiring import make_api


def use_tracking(environment: dict[str, str], update: dict[str, Any]) -> None:
    environment = environment | Pipeline().environment
    caller = Caller(make_api(environment), environment)
    assert caller.post(update, Idempotency_Key="key").status == 200
    assert caller.get("/status", tracking_id=update["tracking_id"]).status == 200
    assert caller.get("/updates", status=update["status"]).status == 200
    for query in ({"status": update["status"]}, {"stalled": "true"}, {"overdue": "true"}):
        assert caller.get("/shipments", **query).status == 200
    references = boto3.client("dynamodb")
    item = encode_reference("ORDER-1", update["tracking_id"])
    references.put_item(TableName=environment[contract.REFERENCES_TABLE], Item=item)
    assert caller.get("/shipments", reference="ORDER-1").status == 200
    event = {"resource": "/shipments/{tracking_id}", "path": "/shipments/NOBODY", "httpMethod": "GET"}
    assert caller.invoke(event).status == 404


def use_projector(environment: dict[str, str], update: dict[str, Any]) -> None:
    pipeline = Pipeline()
    projector = make_projector(environment | pipeline.environment)
    # The last one comes late and between the others, so that only the history tells since when the status holds.
    for status, timestamp in (("pending", 1), ("pending", 3), ("failed", 2)):
        pipeline.store(update["tracking_id"], status, timestamp, references=["ORDER-1"])
    context = SimpleNamespace(aws_request_id="lambda-1")
    answer = projector.handle({"Records": pipeline.updates.records()}, context)
    assert answer == {"batchItemFailures": []}


def use_deadlines(environment: dict[str, str], update: dict[str, Any]) -> None:
    pipeline = Pipeline()
    pipeline.put(update["tracking_id"], "in_transit", 1)
    make_sweep(environment | pipeline.environment).handle(
        SimpleNamespace(aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: 300_000)
    )
    (_, record) = pipeline.shipments.records()
    assert "stalled_for" in record["dynamodb"]["NewImage"]


def use_notifier(environment: dict[str, str], update: dict[str, Any]) -> None:
    pipeline = Pipeline()
    pipeline.put(update["tracking_id"], update["status"])
    assert handle(make_notifier(environment | pipeline.environment), pipeline.shipments.records()) == []
    assert len(pipeline.notifications()) == 1


def use_public(environment: dict[str, str], update: dict[str, Any]) -> None:
    pipeline = Pipeline()
    for timestamp in (1, 2):
        pipeline.store(update["tracking_id"], "pending", timestamp)
    public = Public(environment | pipeline.environment)
    # The page is not the whole history, so the record tells of the estimate.
    assert public.get(f"/shipments/{update['tracking_id']}?limit=1").status == 200
    assert public.get("/shipments/NOBODY").status == 404


def use_inbound(environment: dict[str, str], update: dict[str, Any]) -> None:
    suffix = environment_suffix()
    sender = Sender.of(environment | {contract.ENVIRONMENT: suffix}, "demo", {"mapping": "generic"})
    # The second takes the place of the first, which has to be looked for.
    updates = [update | {"timestamp": 1, "metadata": {"number": number}} for number in range(2)]
    assert sender.send({"updates": updates}).body == {"stored": 2, "kept": 0}
    assert sender.send({"updates": [{}]}).body == {"stored": 0, "kept": 1}


def use_webhooks(environment: dict[str, str], update: dict[str, Any]) -> None:
    manager = Manager(Outbound())
    hook, feed = manager.make(url="https://example.com/"), manager.make()
    assert manager.ask("GET /webhooks").body["count"] == 2
    for route, query in (
        ("POST /webhooks/{id}/test", {}),
        ("POST /webhooks/{id}/rotate", {}),
        ("GET /webhooks/{id}/deliveries", {}),
        ("POST /webhooks/{id}/replay", {"since": "0"}),
        ("DELETE /webhooks/{id}", {}),
    ):
        assert manager.ask(route, hook["id"], **query).status == 200
    assert manager.ask("GET /changes", token=feed["token"], wait="0").status == 200


def use_fanout(environment: dict[str, str], update: dict[str, Any]) -> None:
    manager = Manager(Outbound())
    manager.make(url="https://example.com/")
    manager.tell(notification())
    assert len(manager.outbound.queued()) == 1


def use_delivery(environment: dict[str, str], update: dict[str, Any]) -> None:
    manager = Manager(Outbound())
    with receiving() as receiver:
        receiver.status = 500
        hook = manager.make(url=receiver.url)
        manager.tell(notification())
        assert manager.deliver() == 1
        manager.outbound.set_due(hook["id"], 1, 1)
        manager.sweep.handle(context())
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_listed_call_is_made(
    function: str, environment: dict[str, str], update: dict[str, Any], calls: dict[str, set[Right]]
) -> None:
    calls[function].clear()
    globals()[f"use_{function}"](environment, update)
    assert calls[function] == FUNCTIONS[function].calls
