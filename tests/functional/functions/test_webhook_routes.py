"""The routes that manage webhooks and read feeds, with real tables."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

import outbound.secret
import webhooks.api
from fanout.wiring import make_fanout
from tests.manager import Manager, verified
from tests.odd import NOBODY
from tests.outbound import Receiver, context, notification, now, records


def test_a_webhook_is_managed(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url, description="A shop", events=["stalled"])
    secret = hook.pop("secret")
    assert secret.startswith("whsec_")
    assert hook == {
        "id": hook["id"],
        "created_at": hook["created_at"],
        "url": receiver.url,
        "events": ["stalled"],
        "statuses": [],
        "carriers": [],
        "description": "A shop",
        "format": "plain",
        "state": "active",
        "failures": 0,
        "blocked_until": None,
    }
    feed = manager.make()
    assert manager.ask("GET /webhooks/{id}", hook["id"]).body == hook
    listed = manager.ask("GET /webhooks")
    assert [one["id"] for one in listed.body["webhooks"]] == [hook["id"], feed["id"]]
    assert secret not in json.dumps(listed.body)
    changed = manager.ask("PATCH /webhooks/{id}", hook["id"], {"state": "disabled", "events": []})
    assert changed.body == {**hook, "state": "disabled", "events": []}
    assert manager.ask("PATCH /webhooks/{id}", hook["id"], {}).body == changed.body
    assert manager.ask("DELETE /webhooks/{id}", hook["id"]).body == changed.body
    for route in ("GET /webhooks/{id}", "DELETE /webhooks/{id}", "POST /webhooks/{id}/test"):
        assert manager.ask(route, hook["id"]).status == 404
    assert manager.ask("PATCH /webhooks/{id}", hook["id"], {"description": "x"}).status == 404


def test_the_list_of_webhooks_has_pages(manager: Manager) -> None:
    made = [manager.make() for _ in range(5)]
    made.sort(key=lambda one: (one["created_at"], one["id"]))
    pages, query = [], {"limit": "2"}
    while True:
        body = manager.ask("GET /webhooks", **query).body
        pages.append([one["id"] for one in body["webhooks"]])
        if "next_key" not in body:
            break
        query["last_key"] = body["next_key"]
    ids = [one["id"] for one in made]
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    # What is not there any more is passed over, and what a page begins after too.
    for id in ids[1:3]:
        manager.ask("DELETE /webhooks/{id}", id)
    key = manager.ask("GET /webhooks", limit="1").body["next_key"]
    manager.ask("DELETE /webhooks/{id}", ids[0])
    rest = manager.ask("GET /webhooks", last_key=key).body
    assert ([one["id"] for one in rest["webhooks"]], rest["count"]) == (ids[3:], 2)
    for name, value in (("last_key", key[:-1]), ("last_key", "x"), ("limit", "0"), ("limit", "101")):
        answer = manager.ask("GET /webhooks", **{name: value})
        assert (answer.status, answer.pointers) == (400, [f"/{name}"])


def test_a_deleted_webhook_is_told_nothing_more(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification())
    manager.ask("DELETE /webhooks/{id}", hook["id"])
    manager.deliver()
    # The fan-out may know it for some seconds more.
    manager.fanout.handle({"Records": records(notification(2))}, context())
    manager.deliver()
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "ftp://example.com"}, "/url"),
        ({"url": "https://10.0.0.1/"}, "/url"),
        ({"url": "https://"}, "/url"),
        ({"url": ""}, "/url"),
        ({"url": None}, "/url"),
        ({"events": ["all"]}, "/events/0"),
        ({"events": "stalled"}, "/events"),
        ({"statuses": ["lost"]}, "/statuses/0"),
        ({"carriers": [""]}, "/carriers/0"),
        ({"format": "xml"}, "/format"),
        ({"state": "open"}, "/state"),
        ({"description": "x" * 201}, "/description"),
        ({"secrets": []}, "/secrets"),
        ({"id": NOBODY}, "/id"),
        ([], ""),
        ('{"url": "https://example.com", "url": "https://example.org"}', "/url"),
    ],
)
def test_what_no_webhook_can_have_is_refused_with_its_place(
    manager: Manager, body: Any, pointer: str
) -> None:
    hook = manager.make(url="https://example.com/")
    for answer in (
        manager.ask("POST /webhooks", body=body),
        manager.ask("PATCH /webhooks/{id}", hook["id"], body),
    ):
        assert answer.status == 400
        assert pointer in answer.pointers
    assert manager.ask("GET /webhooks").body["count"] == 1


def test_odd_requests_have_an_answer(manager: Manager) -> None:
    for body in ("{", "\ud800", '"', "NaN", "[" * 10_000):
        assert manager.ask("POST /webhooks", body=body).status == 400
    assert manager.ask("POST /webhooks", body=" " * 65_537).status == 413
    events: list[Any] = [None, [], "x", {}, {"routeKey": 1}, {"routeKey": "GET /other"}]
    for event in events:
        assert manager.invoke(event).status == 404
    for id in (NOBODY, "x", "\N{PACKAGE}" * 36, "../" * 12, "a" * 2000):
        assert manager.ask("GET /webhooks/{id}", id).status == 404
    hook = manager.make(url="https://example.com/")
    for route, query in (
        ("GET /webhooks/{id}/deliveries", {"limit": "0"}),
        ("GET /webhooks/{id}/deliveries", {"before": "-1"}),
        ("POST /webhooks/{id}/replay", {}),
        ("POST /webhooks/{id}/replay", {"since": "yesterday"}),
        ("POST /webhooks/{id}/replay", {"since": "0", "state": "pending"}),
    ):
        assert manager.ask(route, hook["id"], **query).status == 400
    broken = {"routeKey": "POST /webhooks", "body": "%", "isBase64Encoded": True}
    assert manager.invoke(broken).status == 400


def test_a_test_message_arrives(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url, events=["stalled"])
    answer = manager.ask("POST /webhooks/{id}/test", hook["id"])
    manager.deliver()
    (request,) = receiver.requests
    body = verified(request, hook["secret"])
    assert (body["event"], body["deduplication_id"]) == ("test", answer.body["id"])
    assert body.keys() == notification().keys()
    assert manager.deliveries(hook["id"])[0]["sequence"] == answer.body["sequence"] == 1
    manager.ask("PATCH /webhooks/{id}", hook["id"], {"state": "disabled"})
    assert manager.ask("POST /webhooks/{id}/test", hook["id"]).status == 400


def test_for_a_day_both_secrets_sign(
    manager: Manager, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = manager.make(url=receiver.url)
    renewed = manager.ask("POST /webhooks/{id}/rotate", hook["id"]).body
    assert abs(renewed["former_until"] - now() - 24 * 3600 * 1000) < 60_000
    manager.tell(notification(1))
    manager.deliver()
    for secret in (hook["secret"], renewed["secret"]):
        assert verified(receiver.requests[0], secret) == notification(1)
    # One that is changed twice within a day has two.
    last = manager.ask("POST /webhooks/{id}/rotate", hook["id"]).body
    manager.tell(notification(2))
    manager.deliver()
    for secret in (renewed["secret"], last["secret"]):
        assert verified(receiver.requests[1], secret) == notification(2)
    with pytest.raises(WebhookVerificationError):
        verified(receiver.requests[1], hook["secret"])
    monkeypatch.setattr(outbound.secret, "OVERLAP", 0)
    newest = manager.ask("POST /webhooks/{id}/rotate", hook["id"]).body
    manager.tell(notification(3))
    manager.deliver()
    assert verified(receiver.requests[2], newest["secret"]) == notification(3)
    with pytest.raises(WebhookVerificationError):
        verified(receiver.requests[2], last["secret"])


def test_the_log_of_deliveries_has_pages(manager: Manager) -> None:
    feed = manager.make()
    manager.tell(*(notification(number) for number in range(1, 26)))
    found, query = [], {"limit": "10"}
    while True:
        body = manager.ask("GET /webhooks/{id}/deliveries", feed["id"], **query).body
        found += [delivery["sequence"] for delivery in body["deliveries"]]
        if "next_before" not in body:
            break
        query["before"] = str(body["next_before"])
    assert found == list(range(25, 0, -1))


def test_a_feed_is_read_in_order_and_again(manager: Manager) -> None:
    feed = manager.make(events=["status_changed"])
    assert set(feed) >= {"token"}
    assert "secret" not in feed
    assert feed["url"] is None
    manager.tell(*(notification(number) for number in range(1, 13)))
    assert manager.outbound.queued() == []
    first = manager.ask("GET /changes", token=feed["token"]).body
    assert [change["sequence"] for change in first["changes"]] == list(range(1, 11))
    assert [change["message"] for change in first["changes"]] == [notification(n) for n in range(1, 11)]
    assert first["next_after"] == 10
    second = manager.ask("GET /changes", token=feed["token"], after="10", limit="100").body
    assert [change["sequence"] for change in second["changes"]] == [11, 12]
    nothing = manager.ask("GET /changes", token=feed["token"], after="12", wait="0").body
    assert nothing == {"changes": [], "next_after": 12}
    assert manager.ask("GET /changes", token=feed["token"], after="0", limit="1").body["next_after"] == 1
    assert manager.ask("GET /changes", token=feed["token"], wait="21").status == 400


def test_who_waits_is_told_of_the_next_message(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = manager.make()
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            manager.tell(notification())

    monkeypatch.setattr(webhooks.api, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    answer = manager.ask("GET /changes", token=feed["token"])
    assert [change["sequence"] for change in answer.body["changes"]] == [1]
    assert len(waited) == 3


def test_a_feed_is_for_who_has_its_token(manager: Manager, receiver: Receiver) -> None:
    feed, other, hook = manager.make(), manager.make(), manager.make(url=receiver.url)
    secret = other["token"].partition(".")[2]
    for token in (
        "",
        "x",
        feed["token"][:-1],
        feed["token"] + "=",
        f"{feed['id']}.{secret}",
        f"{feed['id']}.",
        f"{NOBODY}.{secret}",
        f"{hook['id']}.{hook['secret']}",
        f"{hook['id']}.{secret}",
        "\udc80",
    ):
        answer = manager.ask("GET /changes", token=token)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    renewed = manager.ask("POST /webhooks/{id}/rotate", feed["id"]).body
    for token in (feed["token"], renewed["token"]):
        assert manager.ask("GET /changes", token=token, wait="0").status == 200
    manager.ask("PATCH /webhooks/{id}", feed["id"], {"state": "disabled"})
    assert manager.ask("GET /changes", token=renewed["token"], wait="0").status == 401
    assert manager.ask("PATCH /webhooks/{id}", feed["id"], {"url": receiver.url}).pointers == ["/url"]
    assert manager.ask("POST /webhooks/{id}/replay", feed["id"], since="0").status == 400


def test_numbers_have_no_gaps_whoever_gives_them(manager: Manager) -> None:
    feed = manager.make()
    others = [make_fanout(manager.outbound.environment) for _ in range(4)]

    def tell(number: int) -> None:
        events = [notification(10 * number + place) for place in range(3)]
        answer = others[number % 4].handle({"Records": records(*events)}, context())
        assert answer == {"batchItemFailures": []}

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tell, range(16)))
    seen: list[int] = []
    while changes := manager.ask(
        "GET /changes", token=feed["token"], after=str(len(seen)), limit="7", wait="0"
    ).body["changes"]:
        seen += [change["sequence"] for change in changes]
    assert seen == list(range(1, 49))


def test_there_is_a_bound_on_webhooks(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks.api, "MAX_WEBHOOKS", 2)
    first, _ = manager.make(), manager.make()
    answer = manager.ask("POST /webhooks", body={})
    assert answer.status == 400
    assert answer.body["error"] == "Invalid request: there are 2 webhooks already, and no more may be"
    manager.ask("DELETE /webhooks/{id}", first["id"])
    manager.make()
