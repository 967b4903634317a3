"""The record of a shipment, whatever the order, repetition and grouping of its updates."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

import contract
from shipments.shipment import Shipment, StoredUpdate

histories = st.dictionaries(
    st.integers(0, 30), st.sampled_from(contract.STATUSES), min_size=1, max_size=12
).map(
    lambda statuses: [
        StoredUpdate("A", time, status, {"lat": time, "lng": 0}) for time, status in sorted(statuses.items())
    ]
)


def expected(history: list[StoredUpdate], tracking_id: str = "A") -> Shipment:
    """What is true of a history, which is in order of time."""
    newest = history[-1]
    others = [update for update in history if update.status != newest.status]
    before = others[-1].timestamp if others else -1
    return Shipment(
        tracking_id=tracking_id,
        status=newest.status,
        since=next(update.timestamp for update in history if update.timestamp > before),
        last_update=newest.timestamp,
        location=newest.location,
        first_update=history[0].timestamp,
        newest={update.status: update.timestamp for update in history},
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
