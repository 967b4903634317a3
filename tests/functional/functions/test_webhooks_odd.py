"""Odd requests to the routes of webhooks: none makes the function fail, none changes anything, and none is let in."""

from collections.abc import Iterator
from typing import Any

import pytest

import contract
from contract.partner_routes import FEED, WEBHOOK_ROUTES
from delivery.receiver import post
from tests.manager import Manager
from tests.odd import BODIES, EVENTS, IDS, NUMBERS, RAW_BODIES, THIS_MACHINE, URLS, bad_tokens
from tests.outbound import Outbound


@pytest.fixture(scope="module")
def manager(environment: dict[str, str]) -> Manager:
    """As in AWS: no webhook may be on this machine."""
    outbound = Outbound()
    outbound.environment[contract.LOCAL_RECEIVERS] = "false"
    return Manager(outbound)


@pytest.fixture(scope="module")
def hook(manager: Manager) -> dict[str, Any]:
    return manager.make(url="https://example.com/")


@pytest.fixture(scope="module")
def feed(manager: Manager) -> dict[str, Any]:
    return manager.make()


@pytest.fixture(autouse=True)
def _unchanged(manager: Manager, hook: dict[str, Any], feed: dict[str, Any]) -> Iterator[None]:
    yield
    listed = {one["id"]: one for one in manager.ask("GET /webhooks").body["webhooks"]}
    assert listed.keys() == {hook["id"], feed["id"]}
    for made in (hook, feed):
        assert listed[made["id"]].items() <= made.items()


@pytest.mark.parametrize("route", ["POST /webhooks", "PATCH /webhooks/{id}"])
def test_no_webhook_is_where_it_may_not_be(manager: Manager, hook: dict[str, Any], route: str) -> None:
    asked = {url: manager.ask(route, hook["id"], {"url": url}) for url in [*URLS, *THIS_MACHINE]}
    answers = {url: (answer.status, answer.pointers) for url, answer in asked.items()}
    assert answers == dict.fromkeys(answers, (400, ["/url"]))


def test_nothing_is_sent_where_it_may_not_be() -> None:
    urls = [url for url in [*URLS, *THIS_MACHINE] if len(url) < 2000]
    answers = {url: str(post(url, {}, b"{}", local=False).error) for url in urls}
    assert {
        url: text for url, text in answers.items() if not text.startswith("Not sent: its URL must ")
    } == {}


@pytest.mark.parametrize("route", ["POST /webhooks", "PATCH /webhooks/{id}"])
def test_no_odd_body_is_a_webhook(manager: Manager, hook: dict[str, Any], route: str) -> None:
    answers = {body[:50]: manager.ask(route, hook["id"], body).status for body in BODIES}
    assert answers == dict.fromkeys(answers, 400)
    assert manager.ask(route, hook["id"], " " * 65_537).status == 413
    event = {"routeKey": route, "pathParameters": {"id": hook["id"]}}
    assert {manager.invoke({**event, **raw}).status for raw in RAW_BODIES} == {400}


def test_no_odd_id_is_that_of_a_webhook(manager: Manager, hook: dict[str, Any]) -> None:
    odd: list[Any] = [*IDS, None, 5, True, [hook["id"]], {"id": hook["id"]}, hook["id"] + "\n", {}]
    for route in (route.key for route in WEBHOOK_ROUTES if route.path_parameters):
        event = {"routeKey": route, "queryStringParameters": {"since": "0"}, "body": "{}"}
        asked = {str(id): manager.invoke({**event, "pathParameters": {"id": id}}) for id in odd}
        assert {id: answer.status for id, answer in asked.items()} == dict.fromkeys(asked, 404), route


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("GET /webhooks", "limit"),
        ("GET /webhooks", "last_key"),
        ("GET /webhooks/{id}/deliveries", "limit"),
        ("GET /webhooks/{id}/deliveries", "before"),
        ("POST /webhooks/{id}/replay", "since"),
        ("POST /webhooks/{id}/replay", "state"),
        (FEED.key, "limit"),
        (FEED.key, "after"),
        (FEED.key, "wait"),
    ],
)
def test_no_odd_query_has_an_answer(
    manager: Manager, hook: dict[str, Any], feed: dict[str, Any], route: str, name: str
) -> None:
    odd = [*NUMBERS, None] if name == "since" else NUMBERS
    event = {
        "routeKey": route,
        "pathParameters": {"id": hook["id"]},
        "headers": {"authorization": f"Bearer {feed['token']}"},
    }
    query = {"wait": "0", "since": "0"}
    asked = {
        repr(text): manager.invoke({**event, "queryStringParameters": {**query, name: text}}) for text in odd
    }
    answers = {text: (answer.status, answer.pointers) for text, answer in asked.items()}
    assert answers == dict.fromkeys(answers, (400, [f"/{name}"]))


def test_no_odd_key_is_one_of_a_page(manager: Manager) -> None:
    key = manager.ask("GET /webhooks", limit="1").body["next_key"]
    odd = [key[1:], key[:-1], key + "A", key + "=", key.swapcase(), key[::-1], key * 2, f" {key}", f"{key}\n"]
    assert {manager.ask("GET /webhooks", last_key=one).status for one in odd} == {400}


def test_no_odd_token_reads_a_feed(manager: Manager, hook: dict[str, Any], feed: dict[str, Any]) -> None:
    token = feed["token"]
    others: tuple[Any, ...] = (5, None, [f"Bearer {token}"], True, {})
    schemes = ("{}", "Basic {}", "Bearer{}", "Bearer\t{}", "Token {}", "Bearer {}\n")
    headers: list[Any] = [
        *({"authorization": f"Bearer {text}"} for text in bad_tokens(feed, hook)),
        *({"authorization": scheme.format(token)} for scheme in schemes),
        *({"authorization": value} for value in others),
        *({name: f"Bearer {token}"} for name in ("x-authorization", "cookie", "authorization ")),
        *(None, [], "authorization", 5, {}),
    ]
    odd = [{"routeKey": FEED.key, "headers": one} for one in headers]
    odd += [
        {"routeKey": FEED.key, "queryStringParameters": {name: token}} for name in ("token", "access_token")
    ]
    assert [event for event in odd if manager.invoke(event).status != 401] == []
    assert manager.ask(FEED.key, token=token, wait="0").status == 200


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_of_no_route_is_not_found(manager: Manager, event: Any) -> None:
    assert manager.invoke(event).status == 404
