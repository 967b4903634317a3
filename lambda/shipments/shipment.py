"""What is true of a shipment now: a fold of its updates in event time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

#: References that a record keeps: the first in order, so that it is the same whatever the order of the updates.
MAX_REFERENCES = 20

#: When a shipment is to be delivered, as the carrier says: ms since the epoch, or such times by `from` and `to`.
Estimate = int | dict[str, int]


class StoredUpdate(NamedTuple):
    """An update as it is in a history, where each has a time of its own."""

    tracking_id: str
    timestamp: int
    """Event time, ms since the epoch."""
    status: str
    location: dict[str, Any] | None
    """As it was sent; None if only a place was."""
    place: dict[str, str] | None = None
    detail: str | None = None
    reason: str | None = None
    carrier: str | None = None
    references: list[str] | None = None
    estimated_delivery: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class Shipment:
    """The record of a shipment.

    It is the same for every order, repetition and grouping of the updates it was made of. Times are event times in
    ms since the epoch.
    """

    tracking_id: str
    status: str
    """Of the newest update."""
    since: int | None
    """Of the first of the updates at the end of the history that have this status; None if only the history can tell:
    the first update after `before` it is."""
    last_update: int
    """Of the newest update."""
    first_update: int
    """Of the oldest update."""
    newest: Mapping[str, int]
    """Of the newest update of each status."""
    location: dict[str, Any] | None = None
    """This, `place`, `detail` and `reason` are of the newest update, as they were sent."""
    place: dict[str, str] | None = None
    detail: str | None = None
    reason: str | None = None
    carrier: str | None = None
    """This and `estimated_delivery` are of the newest update that has them, whose time is beside them."""
    carrier_at: int | None = None
    estimated_delivery: Estimate | None = None
    estimated_at: int | None = None
    references: list[str] = field(default_factory=list)
    """Of all updates, in order, each once, the first MAX_REFERENCES of them."""

    @classmethod
    def of(cls, update: StoredUpdate) -> Self:
        """The shipment with one update."""
        return cls(
            tracking_id=update.tracking_id,
            status=update.status,
            since=update.timestamp,
            last_update=-1,
            first_update=update.timestamp,
            newest={},
        ).add(update)

    @property
    def previous_status(self) -> str | None:
        """The one before this one, in event time."""
        others = self._others()
        return max(others, key=lambda status: others[status]) if others else None

    @property
    def before(self) -> int:
        """When the newest update with another status was; -1 if there is none."""
        return max(self._others().values(), default=-1)

    def add(self, update: StoredUpdate) -> Self:
        """The shipment with one more update, or with one that it had already."""
        newest = {**self.newest, update.status: max(update.timestamp, self.newest.get(update.status, -1))}
        references = sorted({*self.references, *(update.references or ())})[:MAX_REFERENCES]
        added = replace(
            self,
            newest=newest,
            first_update=min(self.first_update, update.timestamp),
            references=references,
        )
        if update.timestamp > self.last_update:
            added = replace(
                added,
                status=update.status,
                last_update=update.timestamp,
                location=update.location,
                place=update.place,
                detail=update.detail,
                reason=update.reason,
            )
        if update.carrier is not None and _is_newer(update, self.carrier_at):
            added = replace(added, carrier=update.carrier, carrier_at=update.timestamp)
        if update.estimated_delivery is not None and _is_newer(update, self.estimated_at):
            added = replace(
                added, estimated_delivery=update.estimated_delivery, estimated_at=update.timestamp
            )
        candidates = [self.since] if added.status == self.status else []
        if update.status == added.status and None not in candidates:
            candidates.append(update.timestamp)
        since = min((time for time in candidates if time is not None and time > added.before), default=None)
        return replace(added, since=since)

    def _others(self) -> dict[str, int]:
        return {status: time for status, time in self.newest.items() if status != self.status}


def _is_newer(update: StoredUpdate, time: int | None) -> bool:
    return time is None or update.timestamp > time
