"""The notifier, put together as when it is deployed, with records of a real stream."""

import json
from decimal import Decimal
from typing import Any

import pytest

from notifier.notifier import Notifier
from shipments import deadlines
from shipments.deadlines import Watch
from shipments.shipment import Shipment, StoredUpdate
from storage.shipments import Record as Stored
from tests.fault_proxy import FaultProxy
from tests.invocations import handle, in_pieces
from tests.pipeline import Pipeline
from tests.sns_proxy import SnsProxy

#: An event time, and a second; both in ms.
T, S = 1_700_000_000_000, 1000


def test_a_notification_says_what_changed(pipeline: Pipeline, notifier: Notifier) -> None:
    pipeline.put("PKG-1", "pending", T)
    pipeline.put("PKG-1", "in_transit", T + S)
    first, second = records = pipeline.shipments.records()
    assert handle(notifier, records) == []
    versions = [record["dynamodb"]["NewImage"]["version"]["N"] for record in records]
    assert int(versions[0]) < int(versions[1])
    common = {"event": "status_changed", "tracking_id": "PKG-1"}
    told = [
        ("pending", None, first["eventID"], T, versions[0]),
        ("in_transit", "pending", second["eventID"], T + S, versions[1]),
    ]
    assert pipeline.notifications() == [
        (
            {
                **common,
                "status": status,
                "deduplication_id": id,
                "version": version,
                **({"previous_status": before} if before else {}),
            },
            {
                **common,
                "deduplication_id": id,
                "version": int(version),
                "status": status,
                "previous_status": before,
                "timestamp": time,
                "location": {"lat": 52, "lng": 13},
                "place": None,
                "reason": None,
                "carrier": None,
                "estimated_delivery": None,
            },
        )
        for status, before, id, time, version in told
    ]


def test_a_notification_says_why_and_where_by_name(
    pipeline: Pipeline, sns: SnsProxy, notifier: Notifier
) -> None:
    place, estimate = {"city": "Berlin", "country": "DE"}, {"from": T, "to": T + S}
    pipeline.put("PKG-1", "in_transit", T, lat=None, place=place, estimated_delivery=estimate)
    pipeline.put("PKG-1", "failed", T + S, lat=None, place={"postcode": "1"}, reason="recipient_absent")
    assert handle(notifier, pipeline.shipments.records()) == []
    (_, first), (_, second) = pipeline.notifications()
    assert first["location"] == {"lat": 52.52, "lng": 13.41, "precision": "city"}
    assert (first["place"], first["reason"], first["estimated_delivery"]) == (place, None, estimate)
    assert (second["location"], second["place"]) == (None, {"postcode": "1"})
    assert (second["reason"], second["estimated_delivery"]) == ("recipient_absent", estimate)
    assert "is failed (recipient absent) since" in json.loads(sns.batches[1][0]["Message"])["email"]


@pytest.mark.parametrize(
    ("estimate", "times"),
    [
        (T + S, "2023-11-14 22:13:21 UTC"),
        ({"to": T + 2 * S, "from": T + S}, "2023-11-14 22:13:21 UTC to 2023-11-14 22:13:22 UTC"),
    ],
)
def test_another_estimate_is_told_once(
    pipeline: Pipeline, sns: SnsProxy, notifier: Notifier, estimate: Any, times: str
) -> None:
    pipeline.put("PKG-1", "in_transit", T, carrier="DHL")
    pipeline.put("PKG-1", "in_transit", T + 1, estimated_delivery=estimate)
    pipeline.put("PKG-1", "in_transit", T + 2, estimated_delivery=estimate)
    pipeline.put("PKG-1", "delivered", T + 3, estimated_delivery=T)
    assert handle(notifier, pipeline.shipments.records()) == []
    told = [
        (body["event"], body["estimated_delivery"], body["carrier"]) for _, body in pipeline.notifications()
    ]
    assert told == [
        ("status_changed", None, "DHL"),
        ("estimate_changed", estimate, "DHL"),
        ("status_changed", T, "DHL"),
    ]
    entry = sns.batches[1][0]
    assert entry["Subject"] == "Estimate changed: shipment PKG-1"
    assert json.loads(entry["Message"])["email"] == (
        f"The estimated delivery of shipment PKG-1 is {times}; its status is in transit."
    )


def test_people_get_a_sentence(pipeline: Pipeline, sns: SnsProxy, notifier: Notifier) -> None:
    pipeline.put("PKG-1", "pending", T)
    pipeline.put("PKG-1", "in_transit", T + S)
    handle(notifier, pipeline.shipments.records())
    (first,), (second,) = sns.batches
    assert second["MessageStructure"] == "json"
    assert second["Subject"] == "In transit: shipment PKG-1"
    assert json.loads(first["Message"])["email"] == (
        "The status of shipment PKG-1 is pending since 2023-11-14 22:13:20 UTC."
    )
    assert json.loads(second["Message"])["email"] == (
        "The status of shipment PKG-1 is in transit since 2023-11-14 22:13:21 UTC, and was pending before."
    )


@pytest.mark.parametrize(
    ("before", "after", "event", "subject", "sentence"),
    [
        (Watch(), Watch(stalled_for=T), "stalled", "Stalled",
         "There is no news of shipment PKG-1 since 2023-11-14 22:13:20 UTC; its status is in transit."),
        (Watch(), Watch(overdue_for=T), "overdue", "Overdue",
         "The estimated delivery of shipment PKG-1 has passed; its status is in transit, last seen "
         "2023-11-14 22:13:20 UTC."),
        (Watch(stalled_for=T), Watch(stalled_for=T - 1), "moving_again", "Moving again",
         "There is news of shipment PKG-1 again, of 2023-11-14 22:13:20 UTC; its status is in transit."),
    ],
)  # fmt: skip
def test_what_is_no_new_status_is_told_with_its_event(
    pipeline: Pipeline,
    sns: SnsProxy,
    notifier: Notifier,
    monkeypatch: pytest.MonkeyPatch,
    before: Watch,
    after: Watch,
    event: str,
    subject: str,
    sentence: str,
) -> None:
    monkeypatch.setattr(deadlines, "estimate_end", lambda _: T)
    shipment = Shipment.of(StoredUpdate("PKG-1", T, "in_transit", {"lat": 1, "lng": 1}))
    old, new = Stored(shipment, 1, watch=before), Stored(shipment, 2, watch=after)
    pipeline.projection.put(old, None)
    pipeline.shipments.records()
    pipeline.projection.put(new, old)
    assert handle(notifier, pipeline.shipments.records()) == []
    ((attributes, body),) = pipeline.notifications()
    assert attributes["event"] == body["event"] == event
    assert (attributes["version"], body["version"]) == ("2", 2)
    assert body["previous_status"] == body["status"] == attributes["previous_status"] == "in_transit"
    ((entry,),) = sns.batches
    assert entry["Subject"] == f"{subject}: shipment PKG-1"
    assert json.loads(entry["Message"])["email"] == sentence
    # The same record, written again, is no news.
    pipeline.projection.put(Stored(shipment, 3, watch=after), new)
    assert handle(notifier, pipeline.shipments.records()) == []
    assert pipeline.notifications() == []


@pytest.mark.parametrize("shipment", ["x" * 100, "\N{PACKAGE}" * 100, 'a "b", <c> & d'])
def test_any_id_gets_through(pipeline: Pipeline, notifier: Notifier, shipment: str) -> None:
    pipeline.put(shipment, "delivered")
    assert handle(notifier, pipeline.shipments.records()) == []
    ((attributes, body),) = pipeline.notifications()
    assert attributes["tracking_id"] == body["tracking_id"] == shipment


@pytest.mark.parametrize("lat", ["52.52", "52.520", "0.10000000000000000001", "-0.0", "1E+1"])
def test_a_place_keeps_its_digits(pipeline: Pipeline, sns: SnsProxy, notifier: Notifier, lat: str) -> None:
    pipeline.put("PKG-1", "delivered", lat=Decimal(lat))
    assert handle(notifier, pipeline.shipments.records()) == []
    ((entry,),) = sns.batches
    assert f'"lat":{lat},' in json.loads(entry["Message"])["default"]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_what_does_not_change_is_not_told(pipeline: Pipeline, notifier: Notifier, size: int) -> None:
    for shipment, status, second in (
        ("PKG-1", "in_transit", 1),
        ("PKG-1", "in_transit", 1),
        ("PKG-2", "in_transit", 1),
        ("PKG-1", "in_transit", 3),
        ("PKG-1", "delivered", 4),
        ("PKG-2", "in_transit", 5),
    ):
        pipeline.put(shipment, status, now=T + second * S)
    for piece in in_pieces(pipeline.shipments.records(), size):
        assert handle(notifier, piece) == []
    assert sorted(pipeline.changes(), key=lambda change: change[0]) == [
        ("PKG-1", None, "in_transit"),
        ("PKG-1", "in_transit", "delivered"),
        ("PKG-2", None, "in_transit"),
    ]


@pytest.mark.parametrize("size", [1, 100])
def test_what_comes_in_late_is_no_news(pipeline: Pipeline, notifier: Notifier, size: int) -> None:
    pipeline.put("PKG-1", "delivered", T + 10 * S, now=T + 10 * S)
    pipeline.put("PKG-1", "in_transit", T + 5 * S, now=T + 20 * S)
    pipeline.put("PKG-1", "delivered", T + 30 * S, now=T + 30 * S)
    pipeline.put("PKG-1", "failed", T + 40 * S, now=T + 40 * S)
    for piece in in_pieces(pipeline.shipments.records(), size):
        handle(notifier, piece)
    assert pipeline.changes() == [("PKG-1", None, "delivered"), ("PKG-1", "delivered", "failed")]


def test_a_history_that_is_uploaded_backwards_is_one_change(pipeline: Pipeline, notifier: Notifier) -> None:
    for second, status in ((3, "delivered"), (2, "in_transit"), (1, "pending")):
        pipeline.put("PKG-1", status, T + second * S, now=T + 10 * S)
    handle(notifier, pipeline.shipments.records())
    assert pipeline.changes() == [("PKG-1", None, "delivered")]


def test_a_batch_takes_few_calls(
    pipeline: Pipeline, notifier: Notifier, sns: SnsProxy, proxy: FaultProxy
) -> None:
    for number in range(25):
        pipeline.put(f"PKG-{number}", "pending")
    records = pipeline.shipments.records()
    proxy.calls.clear()
    handle(notifier, records)
    assert [len(batch) for batch in sns.batches] == [10, 10, 5]
    assert proxy.calls == []


def test_a_record_that_was_rebuilt_is_no_news(pipeline: Pipeline, notifier: Notifier) -> None:
    shipment = Shipment.of(StoredUpdate("PKG-1", T, "pending", {"lat": 1, "lng": 1}))
    pipeline.projection.write(shipment, None, rebuilt=True)
    pipeline.put("PKG-1", "delivered", T + S)
    assert handle(notifier, pipeline.shipments.records()) == []
    assert pipeline.changes() == [("PKG-1", "pending", "delivered")]


def test_a_filter_policy_is_honoured(pipeline: Pipeline, notifier: Notifier) -> None:
    bad_news = pipeline.subscribe(event=["status_changed"], status=["failed"])
    new_shipments = pipeline.subscribe(previous_status=[{"exists": False}])
    for second, status in enumerate(("pending", "failed", "delivered")):
        pipeline.put("PKG-1", status, T + second * S)
    handle(notifier, pipeline.shipments.records())
    assert pipeline.changes(bad_news) == [("PKG-1", "pending", "failed")]
    assert pipeline.changes(new_shipments) == [("PKG-1", None, "pending")]
    assert len(pipeline.changes()) == 3
