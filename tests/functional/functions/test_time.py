"""Event time, and updates that share it."""

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

import storage.status_index
from tests.fault_proxy import FaultProxy
from tests.functional.conftest import Caller

NOW = 1_700_000_000_000


def test_late_update_takes_its_place(caller: Caller, update: dict[str, Any]) -> None:
    for timestamp in (NOW, NOW + 2, NOW + 1):
        assert caller.post({**update, "timestamp": timestamp}).body["timestamp"] == timestamp
    times = [update["timestamp"] for update in caller.history(update["tracking_id"])]
    assert times == [NOW + 2, NOW + 1, NOW]


def test_at_most_5_minutes_ahead(
    caller: Caller, update: dict[str, Any], set_clock: Callable[[int], None]
) -> None:
    set_clock(NOW)
    assert caller.post({**update, "timestamp": NOW + 300_000}).status == 200
    assert caller.post({**update, "timestamp": NOW + 300_001}).status == 400


def test_different_updates_of_one_millisecond_are_kept(caller: Caller, update: dict[str, Any]) -> None:
    values = [1, 1.5, True, "1", None, [1], {"a": 1}]
    for _ in range(2):  # and sent again they are answered as the first time
        for place, value in enumerate(values):
            answer = caller.post({**update, "timestamp": NOW, "metadata": {"value": value}})
            assert answer.body["timestamp"] == NOW + place
    stored = caller.history(update["tracking_id"])[::-1]
    assert [json.dumps(update["metadata"]["value"]) for update in stored] == list(map(json.dumps, values))
    assert [update.get("event_time") for update in stored] == [None] + [NOW] * 6


def test_same_content_at_another_time_is_another_update(caller: Caller, update: dict[str, Any]) -> None:
    caller.post({**update, "timestamp": NOW})
    displaced = caller.post({**update, "timestamp": NOW, "status": "failed"})
    own = caller.post({**update, "timestamp": NOW + 1, "status": "failed"})
    assert (displaced.body["timestamp"], own.body["timestamp"]) == (NOW + 1, NOW + 2)


def test_first_gap_is_taken(caller: Caller, update: dict[str, Any]) -> None:
    for timestamp in (NOW, NOW + 1, NOW + 3):
        caller.post({**update, "timestamp": timestamp})
    assert caller.post({**update, "timestamp": NOW, "status": "failed"}).body["timestamp"] == NOW + 2


@pytest.mark.parametrize(("there", "place"), [(1, 1), (10, 10), (99, 99), (100, None), (2000, None)])
def test_collision_costs_three_calls_however_many_updates_are_there(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any], there: int, place: int | None
) -> None:
    fill(proxied_caller, update["tracking_id"], there)
    proxy.calls.clear()
    first = proxied_caller.post({**update, "timestamp": NOW})
    assert proxy.calls == ["PutItem", "Query", "PutItem"]
    displaced = first.body["timestamp"] - NOW
    assert displaced == place if place else there <= displaced < 60_100
    assert proxied_caller.post({**update, "timestamp": NOW}).body == first.body
    assert proxy.calls[3:] == ["PutItem", "Query", "PutItem"]


def test_collision_among_megabytes(proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any]) -> None:
    fill(proxied_caller, update["tracking_id"], 8, note="x" * 300_000)
    proxy.calls.clear()
    assert proxied_caller.post({**update, "timestamp": NOW}).body["timestamp"] == NOW + 8
    # DynamoDB reads 1 MB a call.
    assert proxy.calls == ["PutItem", "Query", "Query", "Query", "PutItem"]


def test_large_updates_of_one_millisecond_are_not_read_by_each_further_one(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any]
) -> None:
    large = [{**update, "timestamp": NOW, "metadata": {"note": "x" * 300_000, "n": n}} for n in range(20)]
    places = [proxied_caller.post(one).body["timestamp"] for one in large]
    assert places[:3] == [NOW, NOW + 1, NOW + 2]
    assert len(set(places)) == 20
    for further, count in (({**update, "timestamp": NOW}, 21), (large[19], 21)):
        proxy.calls.clear()
        assert proxied_caller.post(further).status == 200
        assert proxy.calls == ["PutItem", "Query", "PutItem"]
        assert len(proxied_caller.history(update["tracking_id"])) == count


def test_large_update_that_an_earlier_release_stored_is_found(
    caller: Caller, update: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    large = [{**update, "timestamp": NOW, "metadata": {"note": "x" * 300_000, "n": n}} for n in range(6)]
    with monkeypatch.context() as patch:
        # It gave every update a hundred places in a row.
        patch.setattr(storage.updates, "_RUN_BYTES", 2**40)
        places = [caller.post(one).body["timestamp"] for one in large]
    assert places == [NOW + n for n in range(6)]
    assert [caller.post(one).body["timestamp"] for one in large] == places


def test_no_read_begins_after_the_deadline(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(proxied_caller, update["tracking_id"], 8, note="x" * 300_000)
    proxy.calls.clear()
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 60 * proxy.calls.count("Query"))
    monkeypatch.setattr(storage.status_index, "time", clock)
    assert proxied_caller.post({**update, "timestamp": NOW}).status == 503
    assert proxy.calls == ["PutItem", "Query"]


def fill(caller: Caller, shipment: str, count: int, **metadata: Any) -> None:
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
