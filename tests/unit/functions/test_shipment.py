"""The record of a shipment, whatever the order, repetition and grouping of its updates."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import contract
from shipments.shipment import Shipment, StoredUpdate
from storage.shipments import Record, decode_record, encode_record
from tests.records import expected

#: Few, so that the newest of all, the newest that has one, and the oldest differ.
some = st.none() | st.sampled_from(["a", "b", "c"])
updates = st.builds(
    lambda **fields: StoredUpdate("A", -1, **fields),
    status=st.sampled_from(contract.STATUSES),
    location=st.none() | st.fixed_dictionaries({"lat": st.integers(0, 3), "lng": st.just(0)}),
    place=st.none() | st.fixed_dictionaries({"city": st.sampled_from(["a", "b"])}),
    detail=some,
    reason=some,
    carrier=some,
    estimated_delivery=st.none() | st.integers(0, 3) | st.just({"from": 0, "to": 1}),
    # More than a record keeps.
    references=st.none() | st.lists(st.integers(10, 60).map(str), max_size=5),
)
histories = st.dictionaries(st.integers(0, 30), updates, min_size=1, max_size=12).map(
    lambda found: [update._replace(timestamp=time) for time, update in sorted(found.items())]
)


def fold(history: list[StoredUpdate], arrivals: list[StoredUpdate]) -> Shipment:
    """The record after `arrivals`, with what only the history can tell looked up there, as the projector does."""
    shipment = Shipment.of(arrivals[0])
    for update in arrivals[1:]:
        shipment = shipment.add(update)
        if shipment.since is None:
            since = next(update.timestamp for update in history if update.timestamp > shipment.before)
            shipment = replace(shipment, since=since)
    return shipment


@given(histories, st.data())
def test_every_order_and_repetition_gives_the_same_record(
    history: list[StoredUpdate], data: st.DataObject
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(history), max_size=6))
    arrivals = data.draw(st.permutations(history + repeated))
    assert fold(history, arrivals) == expected(history)
    # It was told of all of them, so nothing more is news.
    assert fold(history, [*arrivals, *repeated]) == expected(history)


@given(histories)
def test_the_status_before_is_that_of_the_newest_other_one(history: list[StoredUpdate]) -> None:
    shipment = expected(history)
    others = [update.status for update in history if update.status != shipment.status]
    assert shipment.previous_status == (others[-1] if others else None)


def test_most_late_updates_need_no_look_at_the_history() -> None:
    def seen(timestamp: int, status: str) -> StoredUpdate:
        return StoredUpdate("A", timestamp, status, {"lat": 0, "lng": 0})

    shipment = Shipment.of(seen(10, "in_transit")).add(seen(20, "in_transit"))
    assert shipment.add(seen(5, "pending")).since == 10
    assert shipment.add(seen(5, "in_transit")).since == 5
    assert shipment.add(seen(30, "delivered")).since == 30
    assert shipment.add(seen(15, "failed")).since is None, "20 is not known to be the first one after it"


@given(histories)
def test_a_record_is_stored_and_read(history: list[StoredUpdate]) -> None:
    record = Record(expected(history), version=1)
    assert decode_record(encode_record(record, 8)) == record


def test_a_record_of_an_earlier_release_is_read_and_stays_as_it_is() -> None:
    item: dict[str, Any] = {
        "tracking_id": {"S": "A"},
        "status": {"S": "in_transit"},
        "since": {"N": "20"},
        "last_update": {"N": "30"},
        "location": {"M": {"lat": {"N": "1"}, "lng": {"N": "2"}}},
        "first_update": {"N": "10"},
        "newest": {"M": {"in_transit": {"N": "30"}, "pending": {"N": "10"}}},
        "version": {"N": "1"},
    }
    record = decode_record(item)
    assert (record.shipment.place, record.shipment.references) == (None, [])
    assert encode_record(record, 1) == item
