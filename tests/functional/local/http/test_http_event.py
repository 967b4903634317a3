"""What the function behind the local HTTP API gets, and what becomes of its answer."""

import base64
import json
import re

import pytest

from tests.functional.local.http.conftest import Deployed, ask, event


def test_the_event_of_payload_format_2(url: str) -> None:
    got = event(
        f"{url}/a%20b/%C3%A4?x=1&y=%2B&x=2+3&e=",
        "POST",
        headers={"Content-Type": "application/json", "X-Two": "1", "Cookie": "a=1; b=2", "User-Agent": "me"},
        data='{"a": 1}',
    )
    context = got.pop("requestContext")
    headers = got.pop("headers")
    assert got == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/a b/ä",
        "rawQueryString": "x=1&y=%2B&x=2+3&e=",
        "cookies": ["a=1", "b=2"],
        "queryStringParameters": {"x": "1,2 3", "y": "+", "e": ""},
        "body": '{"a": 1}',
        "isBase64Encoded": False,
    }
    assert "cookie" not in headers
    assert headers["x-two"] == "1"
    assert {"x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"} <= headers.keys()
    assert context.pop("http") == {
        "method": "POST",
        "path": "/a b/ä",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "me",
    }
    assert (context["stage"], context["routeKey"], context["accountId"]) == (
        "$default",
        "$default",
        "123456789012",
    )
    assert re.fullmatch(r"[0-9a-f-]{36}", context["requestId"])
    assert re.fullmatch(r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"])
    assert isinstance(context["timeEpoch"], int)


def test_what_is_not_there_is_left_out(url: str) -> None:
    assert not {"cookies", "queryStringParameters", "pathParameters", "body"} & event(url).keys()


@pytest.mark.parametrize(
    ("media", "encoded"),
    [
        ("application/json", False),
        ("application/problem+json", False),
        ("text/plain; charset=utf-8", False),
        ("application/x-www-form-urlencoded", True),
        ("image/png", True),
        (None, True),
    ],
)
def test_bodies_that_are_not_text_come_in_base64(url: str, media: str | None, encoded: bool) -> None:
    got = event(url, "PUT", data=b"\x00a", headers={"Content-Type": media} if media else {})
    assert got["isBase64Encoded"] is encoded
    assert (base64.b64decode(got["body"]) if encoded else got["body"].encode()) == b"\x00a"


def test_an_answer(url: str) -> None:
    answer = ask("GET", f"{url}/?do=answer")
    assert (answer.status_code, answer.text) == (201, "<p>")
    assert (answer.headers["content-type"], answer.headers["x-one"]) == ("text/html", "1")
    assert answer.raw.headers.getlist("set-cookie") == ["a=1", "b=2; Secure"]
    assert answer.headers["apigw-requestid"]
    assert ask("GET", f"{url}/?do=bare").headers["content-type"] == "text/plain;charset=UTF-8"
    assert ask("GET", f"{url}/?do=binary").content == bytes(range(256))
    unchanged = ask("GET", f"{url}/?do=unchanged")
    assert (unchanged.status_code, unchanged.headers["etag"], unchanged.text) == (304, '"1"', "")
    assert ask("HEAD", f"{url}/?do=bare").text == ""


@pytest.mark.parametrize(("order", "text"), [("text", "hello"), ("list", "[1]"), ("none", "null")])
def test_an_answer_without_a_status_is_the_body(url: str, order: str, text: str) -> None:
    answer = ask("GET", f"{url}/?do={order}")
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (
        200,
        text,
        "application/json",
    )


@pytest.mark.parametrize("order", ["fail", "status", "body", "headers"])
def test_an_answer_that_is_none(url: str, log: list[str], order: str) -> None:
    answer = ask("GET", f"{url}/?do={order}")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    assert re.fullmatch(r"GET / 500 \d+ ms( cold)?: .+", log[-1])


def test_a_function_that_times_out_has_failed(url: str) -> None:
    answer = ask("GET", f"{url}/?do=sleep")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_an_integration_that_waits_less(deployed: Deployed) -> None:
    with deployed.gateway(deployed.api(integration={"TimeoutInMillis": 50})) as gateway:
        answer = ask("GET", f"{gateway.url}/?do=sleep")
    assert (answer.status_code, answer.json()) == (503, {"message": "Service Unavailable"})


def test_the_events_are_json(url: str) -> None:
    assert json.loads(ask("GET", f"{url}/%ff%00?%ff=%00").text)["rawPath"] == "/\ufffd\x00"
