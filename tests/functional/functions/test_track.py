"""POST /track against the embedded DynamoDB."""

import json
import math
import time
from decimal import Decimal
from typing import Any

import boto3
import pytest

from storage import updates
from storage.attributes import encode_item
from tests.functional.conftest import Caller
from tracking.wiring import make_api

NOW = 1_700_000_000_000


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
    assert stored.pop("arrived_at") == pytest.approx(time.time() * 1000, abs=60_000)
    assert stored == {**update, "timestamp": answer.body["timestamp"], "environment": "test"}
    key = {"tracking_id": update["tracking_id"], "timestamp": stored["timestamp"]}
    item = boto3.resource("dynamodb").Table(caller.environment["TABLE_NAME"]).get_item(Key=key)["Item"]
    assert set(item) == {*update, "timestamp", "environment", "created_at", "arrived_at"}


RICH = {
    "place": {"city": "Köln", "region": "NW", "country": "DE", "postcode": "50667", "unlocode": "DECGN"},
    "detail": "The parcel is on its way to the recipient.",
    "reason": "out_for_delivery",
    "carrier": "DHL",
    "references": ["ORDER-77", "A-1"],
    "estimated_delivery": {"from": NOW, "to": NOW + 1},
}


class TestOptionalFields:
    """What an update may have comes back as it was sent, and makes it the update that it is."""

    def test_they_come_back(self, caller: Caller, update: dict[str, Any]) -> None:
        del update["location"]
        assert caller.post({**update, **RICH}).status == 200
        (stored,) = caller.history(update["tracking_id"])
        assert {name: stored[name] for name in RICH} == RICH
        assert stored["location"] == {"lat": 50.93, "lng": 6.95, "precision": "city"}

    def test_a_location_that_was_sent_stays(self, caller: Caller, update: dict[str, Any]) -> None:
        assert caller.post({**update, **RICH}).status == 200
        (stored,) = caller.history(update["tracking_id"])
        assert stored["location"] == update["location"]

    @pytest.mark.parametrize("place", [{"postcode": "1"}, {"city": "Berlin"}, {"country": "ZZ"}])
    def test_a_place_that_nobody_knows(
        self, caller: Caller, update: dict[str, Any], place: dict[str, str]
    ) -> None:
        del update["location"]
        assert caller.post({**update, "place": place}).status == 200
        (stored,) = caller.history(update["tracking_id"])
        assert (stored["location"], stored["place"]) == (None, place)

    @pytest.mark.parametrize("name", RICH)
    def test_each_makes_another_update(self, caller: Caller, update: dict[str, Any], name: str) -> None:
        for body in ({}, {name: RICH[name]}, {}, {name: RICH[name]}):
            assert caller.post({**update, "timestamp": NOW, **body}).status == 200
        plain, other = caller.history(update["tracking_id"])[::-1]
        assert (name in plain, name in other) == (False, True)

    def test_many_references_are_refused_in_little_time(self, caller: Caller, update: dict[str, Any]) -> None:
        body = json.dumps({"updates": [{**update, "references": [0] * 190_000}]})
        started = time.process_time()
        assert caller.post(body, "/track/batch").body["results"][0]["errors"][0]["pointer"] == "/references"
        assert time.process_time() - started < 1


def test_digests_of_updates_that_are_stored_stay() -> None:
    """Of releases before the optional fields, whose updates are told apart by them."""
    update = {"timestamp": NOW, "status": "in_transit", "location": {"lat": 52.5, "lng": 13.4}}
    for metadata, digest in (
        ({}, "756a2f6cc4b0690d1de190b311f9e5fda8b3a8a4bb534c0e8c133cc0c3539675"),
        (
            {"metadata": {"a": [1, Decimal("1.10")]}},
            "858e5669ae27cd034f23075594adb871971f51e03baa6a886a2cf96c76596fe1",
        ),
    ):
        assert updates._digest(encode_item({"tracking_id": "A", **update, **metadata})) == digest


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
        assert answer.pointers == ["/metadata/n"]

    def test_many_under_a_long_name_come_back(
        self, caller: Caller, update: dict[str, Any], shipment: str
    ) -> None:
        body = json.dumps({**update, "tracking_id": shipment, "metadata": {"k" * 100_000: ["?"]}})
        assert caller.post(body.replace('"?"', ",".join(["1.0"] * 1000))).status == 200
        (stored,) = caller.history(shipment)
        assert list(map(repr, stored["metadata"]["k" * 100_000])) == ["1.0"] * 1000


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
