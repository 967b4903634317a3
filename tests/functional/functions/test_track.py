"""POST /track and GET /status against the embedded DynamoDB."""

import base64
import json
import math
import time
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

import web.request
from tests.functional.conftest import Answer, Caller
from tests.line import Line
from tracking.wiring import make_api

NOW = 1_700_000_000_000


@pytest.fixture
def update() -> dict[str, Any]:
    """A valid update of a shipment of its own."""
    return {
        "tracking_id": f"SHIP-{uuid.uuid4()}",
        "status": "in_transit",
        "location": {"lat": 52.52, "lng": 13.405},
        "metadata": {"carrier": "DHL", "weight_kg": 1.5, "tags": ["a", None, True]},
    }


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the server's clock stand still at a time in ms since the epoch."""

    def set_to(now: int) -> None:
        clock = SimpleNamespace(time=lambda: now / 1000, monotonic=time.monotonic)
        monkeypatch.setattr(web.request, "time", clock)

    return set_to


def pointers(answer: Answer) -> list[str]:
    """Where an answer says that something is wrong."""
    return [fault["pointer"] for fault in answer.body["errors"]]


def test_update_is_stored_with_all_that_it_needs(caller: Caller, update: dict[str, Any]) -> None:
    answer = caller.post(update)

    assert answer.status == 200
    assert answer.body == {
        "message": "Tracking update stored successfully",
        "tracking_id": update["tracking_id"],
        "timestamp": pytest.approx(time.time() * 1000, abs=60_000),
    }
    (stored,) = caller.history(update["tracking_id"])
    assert time.strptime(stored.pop("created_at"), "%Y-%m-%d %H:%M:%S")
    assert stored == {**update, "timestamp": answer.body["timestamp"], "environment": "test"}
    key = {"tracking_id": update["tracking_id"], "timestamp": stored["timestamp"]}
    item = boto3.resource("dynamodb").Table(caller.environment["TABLE_NAME"]).get_item(Key=key)["Item"]
    assert set(item) == {*update, "timestamp", "environment", "created_at"}


class TestNumbers:
    """Numbers come back as they were sent, or are refused."""

    @pytest.mark.parametrize(
        "number",
        [
            "0.1",
            "1e3",
            "-0.0",
            "-0",
            "1.0",
            "1.10",
            "1E-7",
            "1e-130",
            "9" * 38,
            "1" + "0" * 60,
            "1e125",
            "0e9",
            "12345678901234567890.123456789",
            "-1.7976931348623157e+100",
            "3.141592653589793",
        ],
    )
    def test_comes_back(self, caller: Caller, shipment: str, number: str) -> None:
        body = {
            "tracking_id": shipment,
            "status": "failed",
            "location": {"lat": "?", "lng": 1},
            "metadata": {"~/": ["?"]},
        }
        latitude = number if abs(float(number)) <= 90 else "0"
        text = json.dumps(body).replace('["?"]', f"[{number}]").replace('"?"', latitude)
        assert caller.post(text).status == 200

        (stored,) = caller.history(shipment)
        for sent, got in ((number, stored["metadata"]["~/"][0]), (latitude, stored["location"]["lat"])):
            assert repr(got) == repr(json.loads(sent)) or (sent, got) == ("-0", 0)
            assert math.copysign(1, got) == math.copysign(1, float(sent)) or sent == "-0"

    @pytest.mark.parametrize(
        "number", ["1e126", "1e-131", "9" * 39, "0." + "1" * 39, "1e" + "9" * 20, "9" * 5000]
    )
    def test_that_dynamodb_cannot_hold_is_refused(
        self, caller: Caller, update: dict[str, Any], number: str
    ) -> None:
        answer = caller.post(json.dumps({**update, "metadata": {"n": "?"}}).replace('"?"', number))
        assert answer.status == 400
        assert pointers(answer) == ["/metadata/n"]

    def test_many_under_a_long_name_come_back(
        self, caller: Caller, update: dict[str, Any], shipment: str
    ) -> None:
        body = json.dumps({**update, "tracking_id": shipment, "metadata": {"k" * 100_000: ["?"]}})
        assert caller.post(body.replace('"?"', ",".join(["1.0"] * 2000))).status == 200
        (stored,) = caller.history(shipment)
        assert list(map(repr, stored["metadata"]["k" * 100_000])) == ["1.0"] * 2000


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
            ({"carrier": "DHL"}, "/carrier"),
        ],
    )
    def test_field(
        self, caller: Caller, update: dict[str, Any], change: dict[str, Any], pointer: str
    ) -> None:
        answer = caller.post({**update, **change})
        assert answer.status == 400
        assert pointer in pointers(answer)
        assert answer.body["error"].startswith("Invalid request: /")
        assert caller.history(update["tracking_id"]) == []

    def test_every_fault_is_told_at_once(self, caller: Caller) -> None:
        answer = caller.post({"location": {"lat": 91}, "x": 1, "y": 2})
        assert set(pointers(answer)) == {
            "/tracking_id",
            "/status",
            "/location/lat",
            "/location/lng",
            "/x",
            "/y",
        }

    def test_field_that_is_there_twice(self, caller: Caller, update: dict[str, Any]) -> None:
        assert pointers(caller.post(json.dumps(update)[:-1] + ',"status":"failed"}')) == ["/status"]
        assert pointers(caller.post(json.dumps(update).replace("{", '{"lat":1,"lat":2,', 1))) == ["/lat"]

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
        assert pointers(answer) == ["/metadata" + "/a" * 32]

    def test_answer_to_many_faults_stays_small(self, caller: Caller, update: dict[str, Any]) -> None:
        answer = caller.post({**update, "metadata": {"k" * 10_000 + str(n): "\ud800" for n in range(500)}})
        assert answer.status == 400
        assert len(json.dumps(answer.body)) < 20_000

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(json.dumps(dict.fromkeys(range(60_000)))[:-1] + ', "59999": 1}', id="repeated name"),
            pytest.param(json.dumps({"k" * 1_000_000: [0] * 500_000}), id="long name"),
        ],
    )
    def test_large_body_takes_little_time(self, caller: Caller, body: str) -> None:
        started = time.process_time()
        assert caller.post(body).status == 400
        assert time.process_time() - started < 5

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


class TestStatus:
    """GET /status."""

    def post(self, caller: Caller, shipment: str, count: int, **more: Any) -> None:
        for n in range(count):
            location = {"lat": 0, "lng": n}
            update = {
                "tracking_id": shipment,
                "status": "pending",
                "location": location,
                "timestamp": NOW + n * 3_600_000,
            }
            assert caller.post({**update, **more}).status == 200

    def test_pages(self, caller: Caller, shipment: str) -> None:
        self.post(caller, shipment, 12)
        first = caller.get("/status", tracking_id=shipment).body
        assert [update["timestamp"] for update in first["updates"]] == [
            NOW + n * 3_600_000 for n in range(11, 1, -1)
        ]
        assert first["count"] == 10
        rest = caller.get("/status", tracking_id=shipment, last_key=first["next_key"], limit="2").body
        assert [update["location"]["lng"] for update in rest["updates"]] == [1, 0]
        assert "next_key" not in rest

    def test_unknown_shipment_has_no_updates(self, caller: Caller) -> None:
        answer = caller.get("/status", tracking_id="nobody's")
        assert answer.status == 200
        assert (answer.body["updates"], answer.body["count"]) == ([], 0)
        assert answer.body["summary"]["current_status"] is None

    def test_tracking_id_is_required(self, caller: Caller) -> None:
        for query in ({}, {"tracking_id": ""}):
            answer = caller.get("/status", **query)
            assert answer.status == 400
            assert answer.body["error"] == "tracking_id parameter required"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("limit", value)
            for value in ("0", "101", "-1", "abc", "", "1.5", "1e1", "\u0661", " 1", "9" * 5000)
        ]
        + [
            ("last_key", value)
            for value in ("", "x", "{}", '{"tracking_id":"S"}', "AAAA", "é", "=", "A" * 5000)
        ]
        + [("tracking_id", value) for value in ("x" * 101, "\ud800", "a\x00")],
    )
    def test_bad_parameter(self, caller: Caller, name: str, value: str) -> None:
        answer = caller.get("/status", **{"tracking_id": "S", name: value})
        assert answer.status == 400
        assert pointers(answer) == [f"/{name}"]

    @pytest.mark.parametrize("query", [[], "a", {"tracking_id": ["S"]}, {"tracking_id": "S", "limit": 5}])
    def test_parameters_that_are_no_texts(self, caller: Caller, query: Any) -> None:
        event = {"path": "/status", "httpMethod": "GET", "queryStringParameters": query}
        assert caller.invoke(event).status == 400

    def test_foreign_and_forged_tokens(self, caller: Caller, shipment: str) -> None:
        self.post(caller, shipment, 3)
        token = caller.get("/status", tracking_id=shipment, limit="1").body["next_key"]
        assert caller.get("/status", tracking_id=shipment, limit="2", last_key=token).status == 200
        assert caller.get("/status", tracking_id="T", last_key=token).status == 400
        assert caller.get("/updates", status="pending", last_key=token).status == 400
        for place in range(len(token)):
            changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            assert caller.get("/status", tracking_id=shipment, last_key=changed).status == 400

    def test_summary(self, caller: Caller, shipment: str, set_clock: Callable[[int], None]) -> None:
        self.post(caller, shipment, 3)
        set_clock(NOW + 2 * 3_600_000 + 5_400_000)
        assert caller.get("/status", tracking_id=shipment).body["summary"] == {
            "current_status": "pending",
            "first_update": NOW,
            "last_update": NOW + 2 * 3_600_000,
            "updates": 3,
            # A degree of the equator, twice.
            "distance_km": round(2 * 2 * math.pi * 6371.0088 / 360, 3),
            "hours_since_last_update": 1.5,
        }

    def test_no_summary_without_the_flag(
        self, environment: dict[str, str], put_parameters: Callable[..., Any], shipment: str
    ) -> None:
        names = put_parameters('{"enhanced_tracking":false}', "{}")
        answer = Caller(make_api({**environment, **names}), environment).get("/status", tracking_id=shipment)
        assert set(answer.body) == {"tracking_id", "updates", "count"}

    def test_answer_fits_into_lambdas_limit(self, caller: Caller, shipment: str) -> None:
        self.post(caller, shipment, 4, metadata={"note": "\x01" * 300_000})
        texts, query = [], {"tracking_id": shipment, "limit": "100"}
        while True:
            raw = caller.api.answer(
                {"path": "/status", "httpMethod": "GET", "queryStringParameters": query}, None
            )
            assert len(json.dumps(raw)) < 6 * 1024 * 1024
            body = json.loads(raw["body"])
            texts += [update["metadata"]["note"] for update in body["updates"]]
            if "next_key" not in body:
                break
            query["last_key"] = body["next_key"]
        assert texts == ["\x01" * 300_000] * 4


class TestUpdates:
    """GET /updates."""

    def test_newest_first_in_pages_between_two_times(self, caller: Caller) -> None:
        for n in range(6):
            location = {"lat": n, "lng": 0}
            status = "failed" if n % 2 else "pending"
            update = {"tracking_id": f"U{n}", "status": status, "location": location, "timestamp": 1000 + n}
            assert caller.post(update).status == 200
        query = {"status": "failed", "since": "1001", "until": "1004"}
        page = caller.get("/updates", **query, limit="1").body
        assert [update["tracking_id"] for update in page["updates"]] == ["U3"]
        page = caller.get("/updates", **query, limit="1", last_key=page["next_key"]).body
        assert [update["tracking_id"] for update in page["updates"]] == ["U1"]
        assert "next_key" not in page
        assert caller.get("/updates", status="failed", since="1000", until="1005").body["count"] == 3
        assert caller.get("/updates", status="delivered", since="1000", until="1005").body["updates"] == []

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ({}, "/status"),
            ({"status": "lost"}, "/status"),
            ({"status": "failed", "since": "x"}, "/since"),
            ({"status": "failed", "since": "-1"}, "/since"),
            ({"status": "failed", "since": "2", "until": "1"}, "/until"),
            ({"status": "failed", "until": "9" * 16}, "/until"),
            ({"status": "failed", "limit": "0"}, "/limit"),
            ({"status": "failed", "last_key": "AAAA"}, "/last_key"),
        ],
    )
    def test_bad_parameter(self, caller: Caller, query: dict[str, str], pointer: str) -> None:
        answer = caller.get("/updates", **query)
        assert answer.status == 400
        assert pointers(answer) == [pointer]

    def test_token_belongs_to_its_times(self, caller: Caller, shipment: str) -> None:
        for n in range(2):
            location = {"lat": n, "lng": 0}
            caller.post(
                {"tracking_id": shipment, "status": "failed", "location": location, "timestamp": NOW + n}
            )
        token = caller.get("/updates", status="failed", limit="1").body["next_key"]
        assert caller.get("/updates", status="failed", since="5", last_key=token).status == 400
        assert caller.get("/updates", status="pending", last_key=token).status == 400


class TestTime:
    """Event time, and updates that share it."""

    def test_late_update_takes_its_place(self, caller: Caller, update: dict[str, Any]) -> None:
        for timestamp in (NOW, NOW + 2, NOW + 1):
            assert caller.post({**update, "timestamp": timestamp}).body["timestamp"] == timestamp
        times = [update["timestamp"] for update in caller.history(update["tracking_id"])]
        assert times == [NOW + 2, NOW + 1, NOW]

    def test_at_most_5_minutes_ahead(
        self, caller: Caller, update: dict[str, Any], set_clock: Callable[[int], None]
    ) -> None:
        set_clock(NOW)
        assert caller.post({**update, "timestamp": NOW + 300_000}).status == 200
        assert caller.post({**update, "timestamp": NOW + 300_001}).status == 400

    def test_different_updates_of_one_millisecond_are_kept(
        self, caller: Caller, update: dict[str, Any]
    ) -> None:
        values = [1, 1.5, True, "1", None, [1], {"a": 1}]
        for _ in range(2):  # and sent again they are answered as the first time
            for place, value in enumerate(values):
                answer = caller.post({**update, "timestamp": NOW, "metadata": {"value": value}})
                assert answer.body["timestamp"] == NOW + place
        stored = caller.history(update["tracking_id"])[::-1]
        assert [json.dumps(update["metadata"]["value"]) for update in stored] == list(map(json.dumps, values))
        assert [update.get("event_time") for update in stored] == [None] + [NOW] * 6

    def test_same_content_at_another_time_is_another_update(
        self, caller: Caller, update: dict[str, Any]
    ) -> None:
        caller.post({**update, "timestamp": NOW})
        displaced = caller.post({**update, "timestamp": NOW, "status": "failed"})
        own = caller.post({**update, "timestamp": NOW + 1, "status": "failed"})
        assert (displaced.body["timestamp"], own.body["timestamp"]) == (NOW + 1, NOW + 2)

    def test_first_gap_is_taken(self, caller: Caller, update: dict[str, Any]) -> None:
        for timestamp in (NOW, NOW + 1, NOW + 3):
            caller.post({**update, "timestamp": timestamp})
        assert caller.post({**update, "timestamp": NOW, "status": "failed"}).body["timestamp"] == NOW + 2

    @pytest.mark.parametrize(("there", "place"), [(1, 1), (10, 10), (99, 99), (100, None), (2000, None)])
    def test_collision_costs_three_calls_however_many_updates_are_there(
        self, line_caller: Caller, line: Line, update: dict[str, Any], there: int, place: int | None
    ) -> None:
        self.fill(line_caller, update["tracking_id"], there)
        line.calls.clear()
        first = line_caller.post({**update, "timestamp": NOW})
        assert line.calls == ["PutItem", "Query", "PutItem"]
        displaced = first.body["timestamp"] - NOW
        assert displaced == place if place else there <= displaced < 60_100
        assert line_caller.post({**update, "timestamp": NOW}).body == first.body
        assert line.calls[3:] == ["PutItem", "Query", "PutItem"]

    def test_collision_among_megabytes(self, line_caller: Caller, line: Line, update: dict[str, Any]) -> None:
        self.fill(line_caller, update["tracking_id"], 8, note="x" * 300_000)
        line.calls.clear()
        assert line_caller.post({**update, "timestamp": NOW}).body["timestamp"] == NOW + 8
        # DynamoDB reads 1 MB a call.
        assert line.calls == ["PutItem", "Query", "Query", "Query", "PutItem"]

    def fill(self, caller: Caller, shipment: str, count: int, **metadata: Any) -> None:
        """Puts updates at NOW and the milliseconds after it."""
        with boto3.resource("dynamodb").Table(caller.environment["TABLE_NAME"]).batch_writer() as batch:
            for n in range(count):
                item = {
                    "tracking_id": shipment,
                    "timestamp": NOW + n,
                    "status": "pending",
                    "metadata": metadata,
                }
                batch.put_item({**item, "location": {"lat": 0, "lng": 0}})


class TestIdempotencyKey:
    """The header Idempotency-Key."""

    def test_retry_is_stored_once(self, caller: Caller, shipment: str, update: dict[str, Any]) -> None:
        first = caller.post(update, Idempotency_Key=shipment)
        time.sleep(0.005)
        assert caller.post(update, Idempotency_Key=shipment).body == first.body
        assert len(caller.history(update["tracking_id"])) == 1
        time.sleep(0.005)
        assert (
            caller.post(update, Idempotency_Key=shipment + "-2").body["timestamp"] > first.body["timestamp"]
        )

    def test_key_with_another_body_is_422(
        self, caller: Caller, shipment: str, update: dict[str, Any]
    ) -> None:
        assert caller.post(update, Idempotency_Key=shipment).status == 200
        assert caller.post({**update, "status": "failed"}, Idempotency_Key=shipment).status == 422
        assert len(caller.history(update["tracking_id"])) == 1

    @pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\nb"])
    def test_bad_key(self, caller: Caller, update: dict[str, Any], key: str) -> None:
        assert caller.post(update, Idempotency_Key=key).status == 400

    def test_invalid_request_leaves_the_key_free(
        self, caller: Caller, shipment: str, update: dict[str, Any]
    ) -> None:
        assert caller.post({**update, "status": "?"}, Idempotency_Key=shipment).status == 400
        assert caller.post(update, Idempotency_Key=shipment).status == 200

    def test_key_is_kept_for_a_day(self, caller: Caller, shipment: str, update: dict[str, Any]) -> None:
        caller.post(update, Idempotency_Key=shipment)
        records = boto3.resource("dynamodb").Table(caller.environment["IDEMPOTENCY_TABLE"]).scan()["Items"]
        assert records
        for record in records:
            assert int(record["expiration"]) == pytest.approx(time.time() + 86_400, abs=600)
            assert "SHIP" not in str(record)

    def test_keys_of_two_callers_are_two_keys(
        self, caller: Caller, shipment: str, update: dict[str, Any]
    ) -> None:
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


class TestBatch:
    """POST /track/batch."""

    def test_each_update_has_its_own_result(self, caller: Caller, update: dict[str, Any]) -> None:
        updates: list[Any] = [
            {**update, "timestamp": NOW},
            {**update, "timestamp": NOW, "status": "failed"},
            {**update, "status": "lost"},
            None,
            {"tracking_id": {}},
            {**update, "timestamp": NOW},
            {**update, "metadata": {"note": "x" * 410_000}},
        ]
        answer = caller.post({"updates": updates}, "/track/batch")
        assert answer.status == 200
        assert (answer.body["stored"], answer.body["refused"]) == (3, 4)
        results = answer.body["results"]
        assert [result["status_code"] for result in results] == [200, 200, 400, 400, 400, 200, 413]
        assert [results[n]["timestamp"] for n in (0, 1, 5)] == [NOW, NOW + 1, NOW]
        assert results[2]["errors"][0]["pointer"] == "/status"
        assert set(results[3]) == {"status_code", "error", "code", "request_id", "errors"}
        assert len(caller.history(update["tracking_id"])) == 2

    def test_field_that_is_there_twice_spoils_its_own_update_alone(
        self, caller: Caller, update: dict[str, Any]
    ) -> None:
        text = json.dumps({"updates": [update, "?"]}).replace('"?"', '{"a":1,"a":2}')
        results = caller.post(text, "/track/batch").body["results"]
        assert [result["status_code"] for result in results] == [200, 400]

    def test_100_updates_of_many_shipments(
        self, caller: Caller, shipment: str, update: dict[str, Any]
    ) -> None:
        updates = [{**update, "tracking_id": f"{shipment}-{n % 7}", "timestamp": NOW + n} for n in range(100)]
        answer = caller.post({"updates": updates}, "/track/batch")
        assert [result["timestamp"] for result in answer.body["results"]] == [NOW + n for n in range(100)]
        assert sum(len(caller.history(f"{shipment}-{n}")) for n in range(7)) == 100

    @pytest.mark.parametrize(
        "envelope", [{}, [], {"updates": []}, {"updates": {}}, {"updates": [1] * 101}, None]
    )
    def test_bad_envelope(self, caller: Caller, envelope: Any) -> None:
        assert caller.post(envelope, "/track/batch").status == 400

    def test_key_makes_a_retry_the_same_batch(
        self, caller: Caller, shipment: str, update: dict[str, Any]
    ) -> None:
        envelope = {"updates": [{**update, "tracking_id": f"{shipment}-{n}"} for n in range(3)]}
        first = caller.post(envelope, "/track/batch", Idempotency_Key=shipment)
        assert caller.post(envelope, "/track/batch", Idempotency_Key=shipment).body == first.body
        assert [len(caller.history(f"{shipment}-{n}")) for n in range(3)] == [1, 1, 1]

    def test_flag_off(self, environment: dict[str, str], put_parameters: Callable[..., Any]) -> None:
        names = put_parameters('{"batch_processing":false}', "{}")
        answer = Caller(make_api({**environment, **names}), environment).post(
            {"updates": [{}]}, "/track/batch"
        )
        assert answer.status == 403
        assert "batch_processing" in answer.body["error"]


class TestCalls:
    """A warm request makes one call."""

    def test_post(self, line_caller: Caller, line: Line, update: dict[str, Any]) -> None:
        line.calls.clear()
        assert line_caller.post(update).status == 200
        assert line.calls == ["PutItem"]

    @pytest.mark.parametrize("query", [("/status", {"tracking_id": "A"}), ("/updates", {"status": "failed"})])
    def test_get(self, line_caller: Caller, line: Line, query: tuple[str, dict[str, str]]) -> None:
        line.calls.clear()
        assert line_caller.get(query[0], **query[1]).status == 200
        assert line.calls == ["Query"]

    def test_start_reads_both_parameters_in_one(
        self, line: Line, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", line.endpoint)
        make_api(environment)
        assert line.calls == ["GetParameters"]


def test_log_holds_ids_and_metrics_and_nothing_of_the_body(
    environment: dict[str, str], update: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    caller = Caller(make_api(environment), environment)
    answer = caller.post({**update, "metadata": {"note": "hush"}})
    caller.post({**update, "metadata": {"hush": "\ud800"}})
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["correlation_id"] == answer.headers["X-Request-Id"]
    assert (first["cold_start"], second["cold_start"]) == (True, False)
    assert (first["route"], first["status_code"], first["code"]) == ("POST /track", 200, None)
    assert first["TrackingUpdateStored"] == [1.0]
    assert first["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "LogisticsTracking"
    assert (second["status_code"], second["code"], second["RequestRefused"]) == (
        400,
        "invalid_request",
        [1.0],
    )
    assert "hush" not in json.dumps([first, second])
