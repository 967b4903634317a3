"""What becomes of deliveries that are not taken: tries, waits, and what a receiver asks for."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

import delivery.deliverer
import outbound.delivery
from outbound.delivery import GRACE, WAITS
from outbound.webhook import MAX_FAILURES
from tests.manager import Manager, let_due, verified
from tests.outbound import Receiver, context, notification, now

Metrics = Callable[[], dict[str, float]]


def test_a_delivery_is_tried_ten_times_and_then_given_up(
    manager: Manager, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, metrics: Metrics
) -> None:
    monkeypatch.setattr(outbound.delivery, "_JITTER", 0)
    # Else what waits in the queue may be back before the next look.
    monkeypatch.setattr(delivery.deliverer, "MAX_DELAY", 0)
    hook = manager.make(url=receiver.url)
    receiver.status, receiver.text = 500, "sorry"
    manager.tell(notification())
    waits = []
    for attempt in range(1, 11):
        assert manager.deliver() == 1
        (found,) = manager.deliveries(hook["id"])
        assert (found["attempts"], found["status"], found["answer"]) == (attempt, 500, "sorry")
        if found["next_attempt"]:
            waits.append(round((found["next_attempt"] - found["attempted_at"]) / 1000))
            assert found["state"] == "pending"
            let_due(manager, hook["id"])
    assert waits == list(WAITS) == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert found["state"] == "failed"
    assert found["next_attempt"] is None
    assert "due" not in manager.outbound.item(hook["id"])
    assert {request.headers["webhook-id"] for request in receiver.requests} == {"id-1"}
    told = metrics()
    assert (told["DeliveriesFailed"], told["DeliveriesGivenUp"]) == (9, 1)


def test_short_waits_are_the_queues_and_long_ones_the_tables(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url)
    receiver.status = 503
    manager.tell(notification())
    for attempt, queued in ((1, 1), (2, 2), (3, 2)):
        manager.deliver()
        assert manager.outbound.delayed() == queued
        item = manager.outbound.item(hook["id"])
        assert int(item["due"]) == int(item["next_attempt"]) + (GRACE if attempt < 3 else 0)
        let_due(manager, hook["id"])


def test_after_a_success_nothing_more_is_sent(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification())
    queued = manager.outbound.queued()
    for _ in range(2):  # a queue may give a message twice
        manager.deliverer.handle({"Records": queued}, context())
    manager.sweep.handle(context())
    assert manager.deliver() == 0
    assert len(receiver.requests) == 1
    assert manager.deliveries(hook["id"])[0]["attempts"] == 1


def test_what_no_queue_has_is_sent_by_the_sweep(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification(1), notification(2))
    manager.outbound.queued()  # they are lost
    manager.sweep.handle(context())
    assert manager.deliver() == 0, "not before its time"
    for sequence in (1, 2):
        manager.outbound.set_due(hook["id"], sequence, now() - 1)
    manager.sweep.handle(context())
    manager.sweep.handle(context())
    assert manager.deliver() == 2, "once"
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("seconds", [600, 3600, 40 * 24 * 3600])
@pytest.mark.parametrize("as_date", [False, True])
def test_a_receiver_is_left_alone_as_long_as_it_asks_for_a_day_at_most(
    manager: Manager, receiver: Receiver, seconds: int, as_date: bool
) -> None:
    hook = manager.make(url=receiver.url)
    receiver.status = 429
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    receiver.headers = {"Retry-After": date if as_date else str(seconds)}
    manager.tell(notification(1))
    manager.deliver()
    (found,) = manager.deliveries(hook["id"])
    expected = min(seconds, 24 * 3600) * 1000
    assert expected - 5000 < found["next_attempt"] - found["attempted_at"] <= expected
    blocked = manager.ask("GET /webhooks/{id}", hook["id"]).body["blocked_until"]
    assert expected - 5000 < blocked - found["attempted_at"] <= expected
    # What comes meanwhile waits without a try.
    receiver.status = 200
    manager.tell(notification(2))
    manager.deliver()
    manager.sweep.handle(context())
    manager.deliver()
    assert len(receiver.requests) == 1
    assert manager.deliveries(hook["id"])[0]["attempts"] == 0


def test_another_failure_does_not_shorten_what_a_receiver_asked_for(
    manager: Manager, receiver: Receiver
) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification())
    (message,) = manager.outbound.queued()
    asked = now() + 3_600_000
    # One that was under way when another was answered so.
    manager.sweep._outbox.webhooks.change(hook["id"], failures=MAX_FAILURES, blocked_until=asked)
    receiver.status = 500
    body = {**json.loads(message["body"]), "trial": True}
    manager.deliverer.handle({"Records": [{**message, "body": json.dumps(body)}]}, context())
    assert len(receiver.requests) == 1
    assert manager.ask("GET /webhooks/{id}", hook["id"]).body["blocked_until"] == asked


@pytest.mark.parametrize("value", ["soon", "-1", "", "1e3", "\u0661", "Thu, 99 Foo 2023 00:00:00 GMT"])
def test_what_is_no_retry_after_is_passed_over(manager: Manager, receiver: Receiver, value: str) -> None:
    hook = manager.make(url=receiver.url)
    receiver.status, receiver.headers = 503, {"Retry-After": value.encode().decode("latin-1")}
    manager.tell(notification())
    manager.deliver()
    assert manager.deliveries(hook["id"])[0]["attempts"] == 1
    assert manager.ask("GET /webhooks/{id}", hook["id"]).body["blocked_until"] is None


def test_a_receiver_that_is_gone_disables_its_webhook(
    manager: Manager, receiver: Receiver, metrics: Metrics
) -> None:
    hook = manager.make(url=receiver.url)
    receiver.status = 410
    manager.tell(notification(1))
    manager.deliver()
    assert manager.deliveries(hook["id"])[0]["state"] == "failed"
    assert manager.ask("GET /webhooks/{id}", hook["id"]).body["state"] == "disabled"
    manager.tell(notification(2))
    assert manager.deliver() == 0
    assert metrics()["WebhooksDisabled"] == 1
    receiver.status = 200
    manager.ask("PATCH /webhooks/{id}", hook["id"], {"state": "active"})
    manager.tell(notification(3))
    manager.deliver()
    assert verified(receiver.requests[-1], hook["secret"]) == notification(3)


def test_what_waits_for_a_webhook_that_is_disabled_is_given_up(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification())
    manager.ask("PATCH /webhooks/{id}", hook["id"], {"state": "disabled"})
    manager.deliver()
    (found,) = manager.deliveries(hook["id"])
    assert (found["state"], found["error"]) == ("failed", "Not sent: the webhook is disabled")
    assert receiver.requests == []
