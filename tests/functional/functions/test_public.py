"""The public function over the embedded AWS, asked as an HTTP API asks it (payload format 2.0)."""

import base64
import json
import re
import uuid
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contract
from public import page
from public.wiring import make_api
from tests.conftest import REGION, environment_suffix
from tests.feed import Feed
from tests.functional.conftest import Answer, Caller
from tests.functional.functions.test_properties import SETTINGS, anything
from tests.line import Fault, Line
from web.errors import CODES

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
NOW = 1_700_000_000_000


class Public:
    """Sends what the gateway would, and checks every answer's form."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.api = make_api(environment)

    def invoke(self, event: Any) -> Answer:
        """The answer to any event; its body is parsed if it is JSON, else {"html": body}."""
        answer = self.api.answer(event, SimpleNamespace(aws_request_id="lambda-1"))
        json.dumps(answer, allow_nan=False).encode()
        assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
        assert isinstance(answer["body"], str)
        assert answer["isBase64Encoded"] is False
        headers, status = answer["headers"], answer["statusCode"]
        assert all(isinstance(value, str) and value.isprintable() for value in headers.values())
        assert headers["X-Request-Id"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        if not answer["body"]:
            return Answer(status, headers, {})
        if headers["Content-Type"].startswith("text/html"):
            # Of all that OWASP's cheat sheet "HTTP Headers" asks of a page, what API Gateway does not add itself.
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"].split("; ")
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["X-Robots-Tag"] == "noindex"
            return Answer(status, headers, {"html": answer["body"]})
        assert headers["Content-Type"] == "application/json"
        body = json.loads(answer["body"])
        if status >= 400:
            assert set(body) == {"error", "code", "request_id", "errors"}
            assert body["code"] == CODES[status]
            assert body["request_id"] == headers["X-Request-Id"]
        return Answer(status, headers, body)

    def ask(
        self, method: str, path: str, *, body: str | None = None, stage: str = "$default", **headers: str
    ) -> Answer:
        """The answer to a request; the path may have a query, underscores of headers become hyphens."""
        path, _, query = path.partition("?")
        return self.invoke(
            {
                "version": "2.0",
                "routeKey": "$default",
                "rawPath": path,
                "queryStringParameters": dict(pair.split("=", 1) for pair in query.split("&") if pair),
                "headers": {name.replace("_", "-"): value for name, value in headers.items()},
                "requestContext": {
                    "http": {"method": method, "path": path},
                    "stage": stage,
                    "requestId": "gw-1",
                },
                "body": body,
                "isBase64Encoded": False,
            }
        )

    def get(self, path: str, **headers: str) -> Answer:
        """The answer to a GET."""
        return self.ask("GET", path, **headers)


@pytest.fixture(scope="session")
def public(environment: dict[str, str]) -> Public:
    return Public(environment)


@pytest.fixture
def stored(caller: Caller, shipment: str) -> str:
    """The tracking id of a shipment with three updates."""
    for place, (status, lat, lng) in enumerate(
        [("pending", 52.5163, 13.3777), ("in_transit", 48.8584, 2.2945), ("delivered", -0.004, -179.999)]
    ):
        update = {"tracking_id": shipment, "status": status, "location": {"lat": lat, "lng": lng}}
        secret = {"metadata": {"recipient": "SECRET"}, "timestamp": NOW + place}
        assert caller.post({**update, **secret}).status == 200
    return shipment


def test_a_place_is_told_by_name_and_without_what_is_personal(
    public: Public, caller: Caller, shipment: str
) -> None:
    place = {"city": "Köln", "postcode": "50667", "unlocode": "DECGN"}
    optional = {"place": place, "detail": "SECRET", "carrier": "SECRET", "references": ["SECRET"]}
    bodies: list[dict[str, Any]] = [optional, {"place": {"postcode": "50667"}}]
    for number, more in enumerate(bodies):
        update = {"tracking_id": shipment, "status": "in_transit", "timestamp": NOW + number, **more}
        assert caller.post(update).status == 200
    answer = public.get(f"/shipments/{shipment}")
    update = {"status": "in_transit", "timestamp": NOW}
    assert answer.body["updates"] == [
        {**update, "timestamp": NOW + 1, "location": None},
        {
            **update,
            "location": {"lat": 50.93, "lng": 6.95, "precision": "city"},
            "place": {"city": "Köln", "country": "DE"},
        },
    ]
    text = public.get(f"/shipments/{shipment}", accept=BROWSER).body["html"]
    assert "<p>Köln, Germany</p>" in text
    assert "50667" not in text
    assert "SECRET" not in text


def test_the_newest_estimate_is_told_on_every_page(
    environment: dict[str, str], set_clock: Callable[[int], None]
) -> None:
    feed = Feed()
    public = Public({**environment, **feed.environment})
    set_clock(NOW)
    feed.put("PKG-1", "pending", NOW - 3, estimated_delivery=NOW + 1)
    feed.put("PKG-1", "pending", NOW - 2, estimated_delivery={"from": NOW, "to": NOW + 2})
    feed.put("PKG-1", "in_transit", NOW - 1, reason="out_for_delivery")
    estimate = {"from": NOW, "to": NOW + 2}
    key = ""
    for query in ("", "limit=1", "limit=1&last_key={}", "limit=1&last_key={}"):
        body = public.get(f"/shipments/PKG-1?{query.format(key)}").body
        assert body["estimated_delivery"] == estimate
        key = body.get("next_key", key)
    assert "next_key" not in body
    feed.store("PKG-1", "in_transit", NOW, estimated_delivery=NOW + 5)  # before the record has it
    body = public.get("/shipments/PKG-1?limit=2").body
    assert body["estimated_delivery"] == NOW + 5
    assert [update.get("reason") for update in body["updates"]] == [None, "out_for_delivery"]


def test_a_page_without_news_changes_with_the_days(
    public: Public, caller: Caller, shipment: str, set_clock: Callable[[int], None]
) -> None:
    update = {"tracking_id": shipment, "status": "in_transit", "location": {"lat": 1, "lng": 1}}
    assert caller.post({**update, "timestamp": NOW}).status == 200
    told = {}
    for hours in (71, 72, 95, 96):
        set_clock(NOW + hours * 3_600_000)
        answer = public.get(f"/shipments/{shipment}", accept=BROWSER)
        told[hours] = (re.findall("No news for . days", answer.body["html"]), answer.headers["ETag"])
    assert [told[hours][0] for hours in told] == [[], *[["No news for 3 days"]] * 2, ["No news for 4 days"]]
    assert told[72] == told[95]
    assert len({tag for _, tag in told.values()}) == 3


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


def test_a_shipment_as_strangers_see_it(public: Public, stored: str) -> None:
    answer = public.get(f"/shipments/{stored}")
    assert answer.status == 200
    assert answer.body == {
        "tracking_id": stored,
        "status": "delivered",
        "updates": [
            {"status": "delivered", "timestamp": NOW + 2, "location": {"lat": 0.0, "lng": -180.0}},
            {"status": "in_transit", "timestamp": NOW + 1, "location": {"lat": 48.86, "lng": 2.29}},
            {"status": "pending", "timestamp": NOW, "location": {"lat": 52.52, "lng": 13.38}},
        ],
        "count": 3,
    }
    assert "-0.0" not in json.dumps(answer.body)


def test_pages_of_a_shipment_all_tell_its_present_status(public: Public, stored: str) -> None:
    first = public.get(f"/shipments/{stored}?limit=2")
    second = public.get(f"/shipments/{stored}?limit=2&last_key={first.body['next_key']}")
    assert [answer.body["count"] for answer in (first, second)] == [2, 1]
    assert [answer.body["status"] for answer in (first, second)] == ["delivered"] * 2
    assert second.body["updates"][0]["status"] == "pending"
    assert "next_key" not in second.body


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=", "last_key=x", "last_key=", "last_key=AAAA"]
)
def test_parameters_that_are_wrong(public: Public, stored: str, query: str) -> None:
    answer = public.get(f"/shipments/{stored}?{query}")
    assert answer.status == 400
    assert answer.body["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


def test_a_key_of_another_shipment_is_refused(public: Public, stored: str, caller: Caller) -> None:
    token = caller.get("/status", tracking_id=stored, limit="1").body["next_key"]
    assert public.get(f"/shipments/{stored}?last_key={token}").status == 400


@pytest.mark.parametrize(
    "tracking_id", ["nobody", "a b", "ä/ö", "50%25", "<script>alert(1)</script>", "a?b", ".."]
)
def test_an_unknown_shipment(public: Public, tracking_id: str) -> None:
    event = {"requestContext": {"http": {"method": "GET"}}, "rawPath": f"/shipments/{tracking_id}"}
    assert public.invoke(event).status == 404
    html = public.invoke({**event, "headers": {"accept": BROWSER}})
    assert html.status == 404
    assert "<script>alert" not in html.body["html"]


@pytest.mark.parametrize("tracking_id", ["x" * 101, "a\nb", "\x00", "\ud800"])
def test_a_tracking_id_that_cannot_be(public: Public, tracking_id: str) -> None:
    assert public.get(f"/shipments/{tracking_id}").status == 400
    html = public.get(f"/shipments/{tracking_id}", accept=BROWSER)
    assert (html.status, html.body) == (400, {"html": page.invalid()})


@pytest.mark.parametrize("tracking_id", ["a/b", "50% of it", "ä ö", "%41", "a+b"])
def test_the_path_is_decoded_by_the_gateway_and_not_again(
    caller: Caller, public: Public, tracking_id: str
) -> None:
    tracking_id += str(uuid.uuid4())
    caller.post({"tracking_id": tracking_id, "status": "failed", "location": {"lat": 1, "lng": 2}})
    assert public.get(f"/shipments/{tracking_id}").body["tracking_id"] == tracking_id


def test_another_spelling_of_a_tracking_id(caller: Caller, public: Public) -> None:
    tracking_id = f"{uuid.uuid4()}\u00e9"
    update = {"tracking_id": tracking_id, "location": {"lat": 1, "lng": 2}}
    for status in ("pending", "failed"):
        assert caller.post({**update, "status": status}).status == 200
    asked = f"/shipments/{tracking_id[:-1]}e\u0301"
    page = public.get(f"{asked}?limit=1").body
    assert (page["tracking_id"], page["status"]) == (tracking_id, "failed")
    older = public.get(f"{asked}?limit=1&last_key={page['next_key']}").body
    assert (older["status"], older["updates"][0]["status"]) == ("failed", "pending")


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


@pytest.mark.parametrize("accept", ["*/*", BROWSER])
def test_what_has_not_changed_is_not_sent_again(
    public: Public, caller: Caller, stored: str, update: dict[str, Any], accept: str
) -> None:
    path = f"/shipments/{stored}"
    first = public.get(path, accept=accept)
    etag = first.headers["ETag"]
    assert re.fullmatch(r'"[^"]+"', etag)
    assert re.search(r"max-age=\d", first.headers["Cache-Control"])
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = public.get(path, accept=accept, if_none_match=known)
        assert (again.status, again.body) == (304, {})
        for name in ("ETag", "Cache-Control", "Content-Type"):  # a cache takes them over
            assert again.headers[name] == first.headers[name]
        assert again.headers["Vary"] == "Accept, Origin"
    for unknown in ('"x"', etag.strip('"'), ""):
        assert public.get(path, accept=accept, if_none_match=unknown).status == 200
    caller.post({**update, "tracking_id": stored, "status": "failed"})
    changed = public.get(path, accept=accept, if_none_match=etag)
    assert changed.status == 200
    assert changed.headers["ETag"] != etag


def test_a_page_that_has_not_changed_is_not_rendered(
    public: Public, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = public.get(f"/shipments/{stored}", accept=BROWSER).headers["ETag"]
    monkeypatch.delattr("public.page.shipment")
    assert public.get(f"/shipments/{stored}", accept=BROWSER, if_none_match=etag).status == 304


def test_a_page_of_other_texts_has_another_tag(
    public: Public, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = public.get(f"/shipments/{stored}", accept=BROWSER).headers["ETag"]
    monkeypatch.setattr("public.page.version", lambda: "another")
    assert public.get(f"/shipments/{stored}", accept=BROWSER, if_none_match=etag).status == 200


def test_html_and_json_have_tags_of_their_own(public: Public, stored: str) -> None:
    tags = {public.get(f"/shipments/{stored}", accept=accept).headers["ETag"] for accept in ("*/*", BROWSER)}
    assert len(tags) == 2


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


@pytest.fixture
def cut(
    line: Line, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Fault], Public]:
    """The function behind a line on which every query fails."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.endpoint)

    def over(fault: Fault) -> Public:
        line.cut["Query"] = fault
        return Public(environment)

    return over


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.BROKEN, Fault.RESET])
def test_a_table_that_does_not_answer(cut: Callable[[Fault], Public], fault: Fault) -> None:
    public = cut(fault)
    answer = public.get("/shipments/a")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    html = public.get("/shipments/a", accept=BROWSER)
    assert (html.status, html.headers["Retry-After"]) == (503, "1")
    assert html.body == {"html": page.failure()}
    assert public.get("/").status == 200


def test_a_table_that_is_gone_is_our_own_fault(environment: dict[str, str]) -> None:
    gone = f"tracking-data-{environment_suffix()}"
    answer = Public({**environment, contract.TABLE_NAME: gone}).get("/shipments/a")
    assert (answer.status, answer.body["error"]) == (500, "Internal server error")


def test_the_log_names_no_shipment(public: Public, stored: str, capfd: pytest.CaptureFixture[str]) -> None:
    public.get(f"/shipments/{stored}", accept=BROWSER)
    log = capfd.readouterr().out
    assert '"route":"GET /shipments/{tracking_id}"' in log
    assert stored not in log


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
