"""When a shipment is looked at, and what is declared of it then."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import contract
from contract import OVERDUE, STALLED
from shipments.deadlines import HOUR, Deadlines, Watch, estimate_end, is_overdue, is_stalled
from shipments.shipment import Shipment, StoredUpdate

DEADLINES = Deadlines({"pending": 72, "in_transit": 48, "failed": 0})
#: An event time, in ms.
T = 1_700_000_000_000


@dataclass(frozen=True, kw_only=True)
class Estimated(Shipment):
    """A shipment with an estimate."""

    estimated_delivery: Any = None


def seen(status: str, timestamp: int = T, estimate: Any = None) -> Estimated:
    """A shipment whose newest update has this status and time."""
    update = StoredUpdate("A", timestamp, status, {"lat": 0, "lng": 0})
    return replace(Estimated.of(update), estimated_delivery=estimate)


@pytest.mark.parametrize(("estimate", "end"), [(None, None), (T, T), ({"from": T, "to": T + HOUR}, T + HOUR)])
def test_the_end_of_a_window_is_what_counts(estimate: Any, end: int | None) -> None:
    assert estimate_end(seen("in_transit", estimate=estimate)) == end
    assert estimate_end(Shipment.of(StoredUpdate("A", T, "in_transit", {}))) is None


@pytest.mark.parametrize(
    ("shipment", "watch", "due"),
    [
        (seen("pending"), Watch(), T + 72 * HOUR),
        (seen("in_transit"), Watch(), T + 48 * HOUR),
        (seen("delivered"), Watch(due=T), None),
        (seen("failed"), Watch(due=T), None),
        # What is set stays until it is due, unless something is due earlier.
        (seen("in_transit"), Watch(due=T + 3 * HOUR), T + 3 * HOUR),
        (seen("in_transit", estimate=T + 2 * HOUR), Watch(due=T + 3 * HOUR), T + 2 * HOUR),
        (seen("in_transit", estimate=T + 60 * HOUR), Watch(), T + 48 * HOUR),
        (seen("delivered", estimate=T + 2 * HOUR), Watch(), None),
        # What was declared is not declared again, unless there is something new.
        (seen("in_transit"), Watch(stalled_for=T), None),
        (seen("in_transit"), Watch(stalled_for=T - 1), T + 48 * HOUR),
        (seen("in_transit", estimate=T + 60 * HOUR), Watch(stalled_for=T), T + 60 * HOUR),
        (seen("in_transit", estimate=T), Watch(stalled_for=T, overdue_for=T), None),
        (seen("in_transit", estimate=T + 1), Watch(stalled_for=T, overdue_for=T), T + 1),
        # Whoever is late to arm does not make the sweep look late.
        (seen("in_transit", T - 100 * HOUR), Watch(), T),
    ],
)
def test_a_shipment_is_armed_for_what_comes_first(shipment: Shipment, watch: Watch, due: int | None) -> None:
    armed = DEADLINES.arm(shipment, watch, T)
    assert armed == watch._replace(due=due)
    assert DEADLINES.arm(shipment, armed, T + HOUR) == armed, "armed twice"


def test_with_no_setting_nothing_stalls() -> None:
    assert Deadlines({}).arm(seen("in_transit"), Watch(), T) == Watch()
    assert Deadlines({"failed": 1}).arm(seen("failed"), Watch(), T) == Watch(due=T + HOUR)


def test_a_deadline_that_was_put_off_is_armed_anew_and_one_that_passed_is_declared() -> None:
    shipment, armed = seen("in_transit", T + HOUR), Watch(due=T + 48 * HOUR)
    assert DEADLINES.look(shipment, armed, T + 48 * HOUR) == (None, Watch(due=T + 49 * HOUR))
    declared = STALLED, Watch(stalled_for=T + HOUR)
    assert DEADLINES.look(shipment, armed, T + 49 * HOUR) == declared


def test_what_passed_together_is_declared_one_after_the_other() -> None:
    shipment, now = seen("in_transit", estimate=T + HOUR), T + 100 * HOUR
    event, watch = DEADLINES.look(shipment, Watch(due=T), now)
    assert (event, watch) == (OVERDUE, Watch(due=now, overdue_for=T + HOUR))
    event, watch = DEADLINES.look(shipment, watch, now)
    assert (event, watch) == (STALLED, Watch(stalled_for=T, overdue_for=T + HOUR))
    assert DEADLINES.look_at_all(shipment, Watch(), now) == watch


def test_an_update_takes_back_what_was_declared_by_itself() -> None:
    watch = Watch(stalled_for=T, overdue_for=T + HOUR)
    before, after = seen("in_transit", T, T + HOUR), seen("in_transit", T + 1, T + 2 * HOUR)
    assert (is_stalled(before, watch), is_overdue(before, watch)) == (True, True)
    assert (is_stalled(after, watch), is_overdue(after, watch)) == (False, False)
    assert not is_overdue(seen("delivered", T, T + HOUR), watch)


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(contract.STATUSES), st.integers(0, 200), st.none() | st.integers(0, 300)),
        st.integers(0, 300),
    ),
    min_size=1,
    max_size=12,
)


@given(steps)
def test_whoever_looks_when_it_is_due_finds_what_has_passed(steps: list[Any]) -> None:
    """Updates and looks in any order; whether a shipment was declared is then a matter of its newest update alone."""
    shipment, watch, now = seen("pending", T), Watch(), T
    declared = []
    watch = DEADLINES.arm(shipment, watch, now)
    for step in [*steps, 1000]:
        if isinstance(step, tuple):
            status, hours, estimate = step
            updated = shipment.add(StoredUpdate("A", T + hours * HOUR, status, {}))
            estimated = estimate if estimate is None else T + estimate * HOUR
            shipment = replace(updated, estimated_delivery=estimated)
            watch = DEADLINES.arm(shipment, watch, now)
            continue
        now = max(now, T + step * HOUR)
        while watch.due is not None and watch.due <= now:
            event, watch = DEADLINES.look(shipment, watch, now)
            declared.append((event, watch.stalled_for if event == STALLED else watch.overdue_for))
        after = {"pending": 72, "in_transit": 48}.get(shipment.status)
        passed = after is not None and shipment.last_update + after * HOUR <= now
        assert is_stalled(shipment, watch) == passed
        end = estimate_end(shipment)
        late = end is not None and end <= now and shipment.status in ("pending", "in_transit")
        assert is_overdue(shipment, watch) == late
    assert watch.due is None
    stalls = [time for event, time in declared if event == STALLED]
    assert len(set(stalls)) == len(stalls), "declared twice"
