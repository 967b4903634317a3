"""The routes of the public function."""

import base64
import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contract
from tests.anything import SETTINGS, anything
from tests.conftest import REGION
from tests.functional.functions.conftest import BROWSER, Public


@pytest.mark.parametrize("path", ["/", "/health"])
def test_health(public: Public, path: str) -> None:
    answer = public.get(path)
    assert answer.status == 200
    assert answer.body["status"] == "healthy"
    assert (answer.body["environment"], answer.body["region"]) == ("test", REGION)
    assert datetime.fromisoformat(answer.body["timestamp"]).utcoffset() is not None
    assert answer.headers["Cache-Control"] == "no-store"


def test_info(public: Public) -> None:
    answer = public.get("/info")
    assert answer.status == 200
    assert set(answer.body) == {"service", "version", "environment", "region", "timestamp"}
    assert answer.body["version"] == contract.VERSION


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    "text", ["{}", "[1.50, 1E400, -0.0]", '"ä\\ud800"', "null", " 1 ", "[" * 900 + "1.5" + "]" * 900]
)
def test_what_is_posted_comes_back_with_its_digits(public: Public, method: str, text: str) -> None:
    event = {"requestContext": {"http": {"method": method}}, "rawPath": "/any/where", "body": text}
    answer = public.api.answer(event, None)
    assert answer["statusCode"] == 200
    assert answer["body"].endswith(f'"data": {text}}}')
    if "E400" not in text:
        body = json.loads(answer["body"])
        assert set(body) == {"message", "path", "data", "timestamp"}
        assert body["path"] == "/any/where"


@pytest.mark.parametrize("body", [None, "", "{", "NaN", "\ud800", "[" * 100_000, "a=b"])
def test_a_body_that_is_not_json(public: Public, body: str | None) -> None:
    answer = public.ask("POST", "/x", body=body)
    assert (answer.status, answer.body["error"]) == (400, "Invalid JSON in request body")


@pytest.mark.parametrize(
    ("body", "status"), [(b'{"a": 1}', 200), (b"\xff", 400), (b'"' + b"x" * 2**20 + b'"', 413)]
)
def test_a_body_in_base64(public: Public, body: bytes, status: int) -> None:
    event = {"requestContext": {"http": {"method": "PUT"}}, "rawPath": "/", "isBase64Encoded": True}
    assert public.invoke({**event, "body": base64.b64encode(body).decode()}).status == status
    assert public.invoke({**event, "body": "no base64!"}).status == 400


def test_delete_and_options(public: Public) -> None:
    answer = public.ask("DELETE", "/a/b")
    assert answer.status == 200
    assert (set(answer.body), answer.body["path"]) == ({"message", "path", "timestamp"}, "/a/b")
    assert public.ask("OPTIONS", "/").status == 200


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "", "get"])
def test_other_methods(public: Public, method: str) -> None:
    answer = public.ask(method, "/")
    assert (answer.status, answer.body["error"]) == (405, "Method not allowed")
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, POST, PUT"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/shipments", "/shipments/", "/health/", "//", "/SHIPMENTS/a", "/track"]
)
@pytest.mark.parametrize("accept", ["*/*", BROWSER])
def test_other_paths(public: Public, path: str, accept: str) -> None:
    answer = public.get(path, accept=accept)
    assert (answer.status, answer.body["error"]) == (404, "Endpoint not found")


def test_a_stage_in_the_path(public: Public, stored: str) -> None:
    assert public.ask("GET", f"/blue/shipments/{stored}", stage="blue").status == 200
    assert public.ask("GET", "/blue", stage="blue").body["status"] == "healthy"
    assert public.ask("GET", "/bluehealth", stage="blue").status == 404
    moved = public.ask("GET", "/blue?tracking_id=a", stage="blue", accept=BROWSER)
    assert moved.headers["Location"] == "/blue/shipments/a"


@pytest.mark.parametrize("path", ["/", "/shipments/{stored}"])
@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML ; q=0.3, application/json;q=0.2", True),
        ("text/*;q=0.5, application/json;q=0.4", True),
        ("*/*", False),
        ("", False),
        ("application/json", False),
        ("text/html, application/json", False),
        ("text/html;q=0, */*", False),
        ("text/html;q=x, image/png", False),
        (",;=,q=1;", False),
    ],
)
def test_who_prefers_html_gets_it(public: Public, stored: str, path: str, accept: str, html: bool) -> None:
    answer = public.get(path.format(stored=stored), accept=accept)
    assert answer.status == 200
    assert ("html" in answer.body) is html
    assert answer.headers["Vary"] == "Accept, Origin"


def test_health_is_json_in_a_browser_too(public: Public) -> None:
    assert public.get("/health", accept=BROWSER).body["status"] == "healthy"


def test_head_is_get_without_its_body(public: Public, stored: str) -> None:
    for path in ("/", "/info", f"/shipments/{stored}", "/shipments/nobody", "/nowhere"):
        get, head = public.get(path), public.ask("HEAD", path)
        assert (head.status, head.body) == (get.status, {})
        assert head.headers == get.headers


@pytest.mark.parametrize(
    ("tracking_id", "place"),
    [("PKG 1", "/shipments/PKG%201"), (" a/b ", "/shipments/a%2Fb"), ("\r\nX: y", "/shipments/X%3A%20y")],
)
def test_the_search_box_leads_to_the_shipment(public: Public, tracking_id: str, place: str) -> None:
    answer = public.get(f"/?tracking_id={tracking_id}", accept=BROWSER)
    assert (answer.status, answer.headers["Location"]) == (303, place)


def test_an_empty_search_box_leads_back(public: Public) -> None:
    assert "html" in public.get("/?tracking_id= ", accept=BROWSER).body


def test_a_script_asks_without_being_sent_on(public: Public) -> None:
    assert public.get("/?tracking_id=a").body["status"] == "healthy"


@pytest.mark.parametrize("accept", ["*/*", BROWSER])
def test_what_is_closed_is_not_there(environment: dict[str, str], stored: str, accept: str) -> None:
    closed = Public({name: value for name, value in environment.items() if name != contract.TABLE_NAME})
    assert closed.get(f"/shipments/{stored}", accept=accept).body["error"] == "Endpoint not found"
    assert closed.get("/?tracking_id=a", accept=accept).body["status"] == "healthy"
    assert closed.ask("POST", "/x", body="1").status == 200


headers = st.sampled_from(["accept", "if-none-match", "content-type"])
events = anything | st.fixed_dictionaries(
    {},
    optional={
        "rawPath": st.sampled_from(["/", "/health", "/info", "/shipments/a", "/shipments/"])
        | st.text()
        | anything,
        "headers": st.dictionaries(headers, st.sampled_from([BROWSER, "*", '"x"']) | st.text() | anything)
        | anything,
        "queryStringParameters": st.dictionaries(
            st.sampled_from(["tracking_id", "limit", "last_key"]), st.text() | anything
        )
        | anything,
        "requestContext": st.fixed_dictionaries(
            {
                "http": st.fixed_dictionaries(
                    {
                        "method": st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
                        | anything
                    }
                )
                | anything
            },
            optional={"stage": st.sampled_from(["$default", "shipments"]) | anything, "requestId": anything},
        )
        | anything,
        "body": st.sampled_from(["{}", "1e999"]) | st.text(st.characters()) | anything,
        "isBase64Encoded": st.booleans() | anything,
    },
)


@given(event=events)
@settings(SETTINGS, max_examples=500)
def test_any_event_gets_a_well_formed_answer_and_never_a_fault_of_ours(public: Public, event: Any) -> None:
    assert public.invoke(event).status < 500
