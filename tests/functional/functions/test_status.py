"""GET /status and GET /updates against the embedded DynamoDB."""

import json
import math
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.functional.conftest import Caller
from tracking.wiring import make_api

NOW = 1_700_000_000_000


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

    @pytest.mark.parametrize("spelling", ["{}e\u0301", "{}\u00e9 ", "\u2003{}\u00e9"])
    def test_shipment_is_found_by_another_spelling_of_its_id(
        self, caller: Caller, shipment: str, spelling: str
    ) -> None:
        tracking_id, asked = f"{shipment}\u00e9", spelling.format(shipment)
        self.post(caller, tracking_id, 3)
        assert caller.get("/status", tracking_id=asked, limit="1").body["tracking_id"] == tracking_id
        assert caller.history(asked, limit=1) == caller.history(tracking_id)

    @pytest.mark.parametrize("spelling", ["{}e\u0301", "{}\u00e9 ", "{}\u00e9\ufeff"])
    def test_id_that_no_new_update_may_have_is_read(
        self, caller: Caller, shipment: str, spelling: str
    ) -> None:
        tracking_id = spelling.format(shipment)
        table = boto3.resource("dynamodb").Table(caller.environment["TABLE_NAME"])
        for n in range(3):
            key = {"tracking_id": tracking_id, "timestamp": NOW + n}
            table.put_item(Item={**key, "status": "pending", "location": {"lat": 0, "lng": 0}})
        self.post(caller, f"{shipment}\u00e9", 1)
        history = caller.history(tracking_id, limit=1)
        assert [update["tracking_id"] for update in history] == [tracking_id] * 3

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
        assert answer.pointers == [f"/{name}"]

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
            "hours_since_last_update": 1.5,
            # A degree of the equator, twice.
            "page": {"updates": 3, "distance_km": round(2 * 2 * math.pi * 6371.0088 / 360, 3)},
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
        assert answer.pointers == [pointer]

    def test_token_belongs_to_its_times(self, caller: Caller, shipment: str) -> None:
        for n in range(2):
            location = {"lat": n, "lng": 0}
            caller.post(
                {"tracking_id": shipment, "status": "failed", "location": location, "timestamp": NOW + n}
            )
        token = caller.get("/updates", status="failed", limit="1").body["next_key"]
        assert caller.get("/updates", status="failed", since="5", last_key=token).status == 400
        assert caller.get("/updates", status="pending", last_key=token).status == 400
