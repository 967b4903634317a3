"""What the sweep does: blocked webhooks, what was put aside, and what is sent again."""

import json
import time
from collections.abc import Callable

import pytest

import delivery.receiver
import delivery.sweep
import outbound.delivery
import storage.deliveries
from outbound.webhook import MAX_FAILURES, TRIAL_INTERVAL
from tests.manager import Manager, unblock, verified
from tests.outbound import Receiver, context, notification, now

Metrics = Callable[[], dict[str, float]]


def test_a_receiver_that_fails_is_blocked_tried_once_a_minute_and_drained_when_it_is_back(
    manager: Manager, receiver: Receiver, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    hook = manager.make(url=receiver.url)
    receiver.status = 500
    manager.tell(*(notification(number) for number in range(1, 31)))
    for _ in range(3):
        # Ten at a time, as the queue gives them.
        queued = manager.outbound.queued()
        for start in range(0, len(queued), MAX_FAILURES):
            manager.deliverer.handle({"Records": queued[start : start + MAX_FAILURES]}, context())
    assert len(receiver.requests) == MAX_FAILURES
    blocked = manager.ask("GET /webhooks/{id}", hook["id"]).body
    assert blocked["failures"] == MAX_FAILURES
    assert 0 < blocked["blocked_until"] - now() <= TRIAL_INTERVAL
    told = metrics()
    assert (told["WebhooksBlocked"], told["DeliveriesPutAside"]) == (1, 20)
    assert [record.levelname for record in caplog.records if "blocked" in record.message] == ["WARNING"]
    manager.sweep.handle(context())
    assert manager.deliver() == 0, "not before its time"
    assert metrics()["WebhooksBlockedNow"] == 1

    unblock(manager, hook["id"])
    manager.sweep.handle(context())
    manager.sweep.handle(context())
    assert manager.deliver() == 1, "one is tried"
    assert len(receiver.requests) == MAX_FAILURES + 1
    unblock(manager, hook["id"])
    receiver.status = 200
    manager.sweep.handle(context())
    assert manager.deliver() == 1
    healed = manager.ask("GET /webhooks/{id}", hook["id"]).body
    assert (healed["failures"], healed["blocked_until"]) == (0, None)
    manager.sweep.handle(context())
    manager.deliver()
    for sequence in range(1, 31):  # those that failed wait for their own time
        if "due" in manager.outbound.item(hook["id"], sequence):
            manager.outbound.set_due(hook["id"], sequence, now() - 1)
    manager.sweep.handle(context())
    manager.deliver()
    arrived = [json.loads(request.body)["version"] for request in receiver.requests[MAX_FAILURES + 1 :]]
    assert sorted(arrived) == list(range(1, 31)), "all of them, once"


def test_a_sweep_drains_so_much_of_one_webhook_at_most(
    manager: Manager, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery.sweep, "MAX_SENT", 4)
    hook = manager.make(url=receiver.url)
    manager.tell(*(notification(number) for number in range(1, 11)))
    manager.outbound.queued()
    for sequence in range(1, 11):
        manager.outbound.set_due(hook["id"], sequence, sequence)
    sent = []
    for _ in range(4):
        manager.sweep.handle(context())
        sent.append(manager.deliver())
    assert sent == [4, 4, 2, 0]
    assert json.loads(receiver.requests[0].body)["version"] <= 4, "the longest due first"


def test_a_sweep_without_time_leaves_it_to_the_next(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification())
    manager.outbound.queued()
    manager.outbound.set_due(hook["id"], 1, 1)
    manager.sweep.handle(context(10))
    assert manager.deliver() == 0
    manager.sweep.handle(context(60))
    assert manager.deliver() == 1


def test_what_was_made_since_a_time_is_sent_again(
    manager: Manager, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = manager.make(url=receiver.url)
    start = now()
    clock = [start]
    monkeypatch.setattr(
        storage.deliveries, "time", type("Clock", (), {"time": lambda: clock[0] / 1000, "sleep": time.sleep})
    )
    for number in range(1, 11):
        clock[0] = start + number * 1000
        manager.tell(notification(number))
    manager.deliver()
    receiver.requests.clear()
    nothing = manager.ask("POST /webhooks/{id}/replay", hook["id"], since=str(start + 11_000))
    assert nothing.body == {"count": 0}
    answer = manager.ask("POST /webhooks/{id}/replay", hook["id"], since=str(start + 7000))
    assert answer.body == {"count": 4}
    manager.sweep.handle(context())
    manager.deliver()
    assert sorted(json.loads(request.body)["version"] for request in receiver.requests) == [7, 8, 9, 10]
    assert verified(receiver.requests[0], hook["secret"])
    assert manager.deliveries(hook["id"])[0]["state"] == "delivered"
    manager.sweep.handle(context())
    assert manager.deliver() == 0, "once"


def test_only_what_was_given_up_is_sent_again(
    manager: Manager, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound.delivery, "WAITS", ())
    monkeypatch.setattr(delivery.sweep, "_MAX_LOOKS", 4)
    hook = manager.make(url=receiver.url)
    for number, status in enumerate((200, 500, 200, 200, 500, 200), 1):
        receiver.status = status
        manager.tell(notification(number))
        manager.deliver()
    receiver.status, former = 200, len(receiver.requests)
    states = [one["state"] for one in manager.deliveries(hook["id"])]
    assert states[::-1] == ["delivered", "failed", "delivered", "delivered", "failed", "delivered"]
    answer = manager.ask("POST /webhooks/{id}/replay", hook["id"], since="0", state="failed")
    assert answer.body == {"count": 6}
    sent = []
    for _ in range(3):
        manager.sweep.handle(context())
        sent.append(manager.deliver())
    assert sent == [1, 1, 0]
    assert [json.loads(request.body)["version"] for request in receiver.requests[former:]] == [2, 5]
    assert {one["state"] for one in manager.deliveries(hook["id"])} == {"delivered"}
    # A replay of everything is one again.
    assert manager.ask("POST /webhooks/{id}/replay", hook["id"], since="0").body == {"count": 6}
    manager.sweep.handle(context())
    assert manager.deliver() == 4


def test_a_replay_goes_on_in_the_next_sweep(
    manager: Manager, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery.sweep, "MAX_SENT", 4)
    hook = manager.make(url=receiver.url)
    manager.tell(*(notification(number) for number in range(1, 11)))
    manager.deliver()
    assert manager.ask("POST /webhooks/{id}/replay", hook["id"], since="0").body == {"count": 10}
    sent = []
    for _ in range(4):
        manager.sweep.handle(context())
        sent.append(manager.deliver())
    assert sent == [4, 4, 2, 0]
