"""Which shipments have not moved for too long, or should have arrived, and when each has to be looked at for it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from contract import FINAL, OVERDUE, STALLED
from shipments.shipment import Shipment

HOUR: Final = 3_600_000


class Watch(NamedTuple):
    """What the passing of time has made of a shipment. All are ms since the epoch.

    What was declared holds for what it was declared of, so that an update takes it back by itself, and what two
    functions write in either order comes to the same.
    """

    due: int | None = None
    """When it has to be looked at next, or a while before; None if no more."""
    stalled_for: int | None = None
    """The `last_update` since which it had not moved when it was declared stalled."""
    overdue_for: int | None = None
    """The estimate that had passed when it was declared overdue."""


def estimate_end(shipment: Shipment) -> int | None:
    """The end of the estimated delivery, in ms since the epoch; None if there is none."""
    estimate = shipment.estimated_delivery
    return estimate["to"] if isinstance(estimate, Mapping) else estimate


def is_stalled(shipment: Shipment, watch: Watch) -> bool:
    """Whether it was declared stalled, and has not moved since."""
    return watch.stalled_for == shipment.last_update


def is_overdue(shipment: Shipment, watch: Watch) -> bool:
    """Whether it was declared overdue, is on its way, and has no other estimate by now."""
    return (
        watch.overdue_for is not None
        and watch.overdue_for == estimate_end(shipment)
        and shipment.status not in FINAL
    )


class Deadlines:
    """Arms shipments, and declares what has passed.

    Args:
        stalled_after_hours: by status; those that are missing, or 0, never stall.
    """

    def __init__(self, stalled_after_hours: Mapping[str, int]) -> None:
        self._stalled_after = {status: hours * HOUR for status, hours in stalled_after_hours.items() if hours}

    def arm(self, shipment: Shipment, watch: Watch, now: int) -> Watch:
        """What is watched of a shipment that has changed, or is new.

        A time that is set already stays, unless an earlier one arises: whoever looks then sets the next. So an
        update moves nothing in the index of what is due. None is set in the past, so that how late a sweep is tells
        of the sweep.
        """
        open_ = self._open(shipment, watch)
        if not open_:
            return watch._replace(due=None)
        due = max(min(open_.values()), now)
        return watch._replace(due=due if watch.due is None else min(due, watch.due))

    def look(self, shipment: Shipment, watch: Watch, now: int) -> tuple[str | None, Watch]:
        """What is declared of a shipment that is due: STALLED, OVERDUE or nothing; and when to look again.

        It is one at a time, the one that passed first, so that each is told by a version of the record's own. If
        there is another one, the shipment is still due.
        """
        open_ = self._open(shipment, watch)
        event = min(open_, key=lambda name: open_[name], default=None)
        if event is None or open_[event] > now:
            event = None
        elif event == STALLED:
            watch = watch._replace(stalled_for=shipment.last_update)
        else:
            watch = watch._replace(overdue_for=open_[event])
        return event, self.arm(shipment, watch._replace(due=None), now)

    def look_at_all(self, shipment: Shipment, watch: Watch, now: int) -> Watch:
        """What is watched after everything that has passed is declared."""
        event: str | None = STALLED
        while event:
            event, watch = self.look(shipment, watch, now)
        return watch

    def _open(self, shipment: Shipment, watch: Watch) -> dict[str, int]:
        """When what is not declared yet has to be."""
        found = {}
        if (hours := self._stalled_after.get(shipment.status)) and not is_stalled(shipment, watch):
            found[STALLED] = shipment.last_update + hours
        estimate = estimate_end(shipment)
        if estimate not in (None, watch.overdue_for) and shipment.status not in FINAL:
            assert estimate is not None  # noqa: S101 (for the type checker)
            found[OVERDUE] = estimate
        return found
