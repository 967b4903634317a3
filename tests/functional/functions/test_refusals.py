"""Requests that the signed API refuses, and what it says of them."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.functional.conftest import Answer, Caller
from tracking.wiring import make_api
from web import exact_json

NOW = 1_700_000_000_000


class TestFaultyRequests:
    """What is wrong with a request is told, with a pointer, and nothing is stored."""

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"tracking_id": None}, "/tracking_id"),
            ({"tracking_id": 12345}, "/tracking_id"),
            ({"tracking_id": ""}, "/tracking_id"),
            ({"tracking_id": "x" * 101}, "/tracking_id"),
            ({"tracking_id": "a\nb"}, "/tracking_id"),
            ({"tracking_id": "a\n"}, "/tracking_id"),
            ({"tracking_id": "a\x9f"}, "/tracking_id"),
            ({"tracking_id": "\ud800"}, "/tracking_id"),
            ({"tracking_id": []}, "/tracking_id"),
            ({"tracking_id": True}, "/tracking_id"),
            ({"tracking_id": "e\u0301"}, "/tracking_id"),
            ({"tracking_id": "\u212b"}, "/tracking_id"),
            ({"tracking_id": " a"}, "/tracking_id"),
            ({"tracking_id": "a\u00a0"}, "/tracking_id"),
            ({"tracking_id": "a\u3000"}, "/tracking_id"),
            ({"tracking_id": "a\u200bb"}, "/tracking_id"),
            ({"tracking_id": "\u202eba"}, "/tracking_id"),
            ({"tracking_id": "a\u00adb"}, "/tracking_id"),
            ({"tracking_id": "a\uffff"}, "/tracking_id"),
            ({"tracking_id": "a\u0378"}, "/tracking_id"),
            ({"status": "lost"}, "/status"),
            ({"status": []}, "/status"),
            ({"location": None}, "/location"),
            ({"location": "52.5,13.4"}, "/location"),
            ({"location": {"lat": "abc", "lng": 1}}, "/location/lat"),
            ({"location": {"lat": True, "lng": 1}}, "/location/lat"),
            ({"location": {"lat": 999, "lng": 1}}, "/location/lat"),
            ({"location": {"lat": 1, "lng": -180.000001}}, "/location/lng"),
            ({"location": {"lat": 1}}, "/location/lng"),
            ({"location": {"lat": 1, "lng": 1, "alt/km": 1}}, "/location/alt~1km"),
            ({"metadata": None}, "/metadata"),
            ({"metadata": []}, "/metadata"),
            ({"metadata": {"": 1}}, "/metadata/"),
            ({"metadata": {"a": "\udfff"}}, "/metadata/a"),
            ({"timestamp": "1"}, "/timestamp"),
            ({"timestamp": 1.5}, "/timestamp"),
            ({"timestamp": -1}, "/timestamp"),
            ({"timestamp": NOW * 2}, "/timestamp"),
            ({"courier": "DHL"}, "/courier"),
            ({"place": None}, "/place"),
            ({"place": {}}, "/place"),
            ({"place": {"town": "Berlin"}}, "/place/town"),
            ({"place": {"country": "de"}}, "/place/country"),
            ({"place": {"unlocode": "DEHA"}}, "/place/unlocode"),
            ({"place": {"unlocode": "DEHA1"}}, "/place/unlocode"),
            ({"place": {"city": ""}}, "/place/city"),
            ({"place": {"city": "x" * 101}}, "/place/city"),
            ({"detail": "a\nb"}, "/detail"),
            ({"detail": "x" * 301}, "/detail"),
            ({"reason": "because"}, "/reason"),
            ({"reason": []}, "/reason"),
            ({"reason": "label_created"}, "/reason"),  # of a shipment that is in transit
            ({"carrier": ""}, "/carrier"),
            ({"carrier": "x" * 51}, "/carrier"),
            ({"references": "ORDER-77"}, "/references"),
            ({"references": []}, "/references"),
            ({"references": ["A", "A"]}, "/references"),
            ({"references": list("ABCDEF")}, "/references"),
            ({"references": ["A", " B"]}, "/references/1"),
            ({"references": ["x" * 101]}, "/references/0"),
            ({"references": [1]}, "/references/0"),
            ({"estimated_delivery": "2026-06-01"}, "/estimated_delivery"),
            ({"estimated_delivery": -1}, "/estimated_delivery"),
            ({"estimated_delivery": 10**15}, "/estimated_delivery"),
            ({"estimated_delivery": {"from": 1}}, "/estimated_delivery"),
            ({"estimated_delivery": {"from": 2, "to": 1}}, "/estimated_delivery/to"),
        ],
    )
    def test_field(
        self, caller: Caller, update: dict[str, Any], change: dict[str, Any], pointer: str
    ) -> None:
        answer = caller.post({**update, **change})
        assert answer.status == 400
        assert pointer in answer.pointers
        assert answer.body["error"].startswith("Invalid request: /")
        assert caller.history(update["tracking_id"]) == []

    def test_every_fault_is_told_at_once(self, caller: Caller) -> None:
        answer = caller.post({"location": {"lat": 91}, "x": 1, "y": 2})
        assert set(answer.pointers) == {
            "/tracking_id",
            "/status",
            "/location/lat",
            "/location/lng",
            "/x",
            "/y",
        }

    def test_neither_location_nor_place_is_one_plain_fault(
        self, caller: Caller, update: dict[str, Any]
    ) -> None:
        del update["location"]
        answer = caller.post(update)
        assert answer.body["errors"] == [{"pointer": "/location", "detail": "is required, or place"}]

    def test_field_that_is_there_twice(self, caller: Caller, update: dict[str, Any]) -> None:
        assert caller.post(json.dumps(update)[:-1] + ',"status":"failed"}').pointers == ["/status"]
        assert set(caller.post(json.dumps(update).replace("{", '{"lat":1,"lat":2,', 1)).pointers) == {"/lat"}

    @pytest.mark.parametrize(
        "body",
        [
            "",
            " ",
            "null",
            "[]",
            '"text"',
            "1",
            "true",
            "{",
            "{}",
            "{'a':1}",
            '{"a":NaN}',
            "[" * 100000,
            "\ufeff{}",
            '{"a":Infinity}',
            '{"a":"\x01"}',
            "\ud800",
            '{"a":1}x',
        ],
    )
    def test_body(self, caller: Caller, body: str) -> None:
        assert caller.post(body).status == 400

    @pytest.mark.parametrize("body", [None, 1, {}, [], True])
    def test_body_that_is_no_text(self, caller: Caller, body: Any) -> None:
        assert caller.invoke({"path": "/track", "httpMethod": "POST", "body": body}).status == 400

    def test_base64(self, caller: Caller, update: dict[str, Any]) -> None:
        def post(raw: bytes) -> Answer:
            body = base64.b64encode(raw).decode()
            return caller.invoke(
                {"path": "/track", "httpMethod": "POST", "body": body, "isBase64Encoded": True}
            )

        assert post(json.dumps(update).encode()).status == 200
        assert post(b"\xff\xfe").status == 400
        event = {"path": "/track", "httpMethod": "POST", "body": "no base64!", "isBase64Encoded": True}
        assert caller.invoke(event).status == 400

    @pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "", "application/jsonp"])
    def test_media_type(self, caller: Caller, update: dict[str, Any], content_type: str) -> None:
        assert caller.post(update, Content_Type=content_type).status == 415

    @pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
    def test_json_is_taken(self, caller: Caller, update: dict[str, Any], content_type: str) -> None:
        assert caller.post(update, CONTENT_TYPE=content_type).status == 200

    def test_update_over_400_kb(self, caller: Caller, update: dict[str, Any]) -> None:
        answer = caller.post({**update, "metadata": {"note": "x" * 410_000}})
        assert answer.status == 413
        assert "400 KB" in answer.body["error"]
        assert caller.post({**update, "metadata": {"note": "x" * 400_000}}).status == 200

    def test_body_over_the_configured_size(
        self, environment: dict[str, str], put_parameters: Callable[..., Any], update: dict[str, Any]
    ) -> None:
        names = put_parameters("{}", '{"max_request_size":"1KB"}')
        answer = Caller(make_api({**environment, **names}), environment).post(
            {**update, "metadata": {"note": "x" * 1024}}
        )
        assert answer.status == 413
        assert "1024 bytes" in answer.body["error"]

    def test_nesting(self, caller: Caller, update: dict[str, Any]) -> None:
        def nested(levels: int) -> dict[str, Any]:
            return {"a": nested(levels - 1)} if levels > 1 else {"a": 1}

        assert caller.post({**update, "metadata": nested(32)}).status == 200
        answer = caller.post({**update, "metadata": nested(33)})
        assert answer.status == 400
        assert answer.pointers == ["/metadata" + "/a" * 32]

    def test_tracking_id_is_refused_with_the_reason(self, caller: Caller, update: dict[str, Any]) -> None:
        for tracking_id, reason in (("a\u200bb", "U+200B"), ("e\u0301", "NFC"), ("a ", "white space")):
            assert reason in caller.post({**update, "tracking_id": tracking_id}).body["error"]

    def test_answer_to_many_faults_stays_small(self, caller: Caller, update: dict[str, Any]) -> None:
        answer = caller.post({**update, "metadata": {"k" * 10_000 + str(n): "\ud800" for n in range(30)}})
        assert answer.status == 400
        assert len(json.dumps(answer.body)) < 20_000

    def test_repeated_name_is_found_in_little_time(self, caller: Caller, update: dict[str, Any]) -> None:
        body = json.dumps({**update, "metadata": dict.fromkeys(range(50_000))})
        started = time.process_time()
        assert caller.post(f'{body[:-2]}, "49999": 1}}}}').pointers == ["/metadata/49999"]
        assert time.process_time() - started < 1

    @pytest.mark.parametrize(
        ("path", "before", "after"),
        [("/track", "", ""), ("/track/batch", '{"updates":[', "]}")],
    )
    @pytest.mark.parametrize(
        "members",
        [
            pytest.param(",".join(f'"k{n}":0' for n in range(500_000)), id="unknown fields"),
            pytest.param(f'"metadata":[{",".join(["0.1"] * 1_300_000)}]', id="decimals"),
            pytest.param(f'"metadata":{{"{"k" * 1_000_000}":[{",".join(["0"] * 500_000)}]}}', id="long name"),
        ],
    )
    def test_what_no_update_can_be_is_refused_by_its_size(
        self, caller: Caller, update: dict[str, Any], members: str, path: str, before: str, after: str
    ) -> None:
        body = f"{before}{json.dumps(update)[:-1]},{members}}}{after}"
        started = time.process_time()
        exact_json.loads(body)
        parsed = time.process_time()
        answer = caller.post(body, path)
        assert time.process_time() - parsed < 2 * (parsed - started) + 0.3
        if path == "/track":
            assert answer.status == 413
        else:
            assert [result["status_code"] for result in answer.body["results"]] == [413]

    def test_text_of_an_update_may_be_much_longer_than_what_is_stored(
        self, caller: Caller, update: dict[str, Any]
    ) -> None:
        assert caller.post({**update, "metadata": {"note": "\x01" * 390_000}}).status == 200

    @pytest.mark.parametrize(
        ("method", "path", "status", "allow"),
        [
            ("GET", "/", 404, None),
            ("GET", "/nope", 404, None),
            ("GET", "/track", 405, "POST"),
            ("post", "/track", 405, "POST"),
            ("DELETE", "/status", 405, "GET"),
            ("GET", "/track/batch", 405, "POST"),
        ],
    )
    def test_route(self, caller: Caller, method: str, path: str, status: int, allow: str | None) -> None:
        answer = caller.invoke({"path": path, "httpMethod": method})
        assert answer.status == status
        assert answer.headers.get("Allow") == allow

    def test_route_under_a_custom_domain(self, caller: Caller) -> None:
        event = {"path": "/v1/status", "resource": "/status", "httpMethod": "GET"}
        assert caller.invoke({**event, "queryStringParameters": {"tracking_id": "A"}}).status == 200

    @pytest.mark.parametrize("event", [None, [], "text", 1, True, {}, {"path": []}, {"httpMethod": "POST"}])
    def test_event_that_is_no_request(self, caller: Caller, event: Any) -> None:
        assert caller.invoke(event).status == 404

    def test_request_id_is_the_gateways_unless_it_could_break_a_header(self, caller: Caller) -> None:
        assert caller.invoke({"requestContext": {"requestId": "a-1"}}).body["request_id"] == "a-1"
        assert caller.invoke({"requestContext": {"requestId": "a\r\nb"}}).body["request_id"] == "lambda-1"
