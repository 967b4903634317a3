"""What is true of a shipment now: a fold of its updates in event time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self


class StoredUpdate(NamedTuple):
    """An update as it is in a history, where each has a time of its own."""

    tracking_id: str
    timestamp: int
    """Event time, ms since the epoch."""
    status: str
    location: dict[str, Any]


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
    location: dict[str, Any]
    """Of the newest update."""
    first_update: int
    """Of the oldest update."""
    newest: Mapping[str, int]
    """Of the newest update of each status."""

    @classmethod
    def of(cls, update: StoredUpdate) -> Self:
        """The shipment with one update."""
        return cls(
            tracking_id=update.tracking_id,
            status=update.status,
            since=update.timestamp,
            last_update=update.timestamp,
            location=update.location,
            first_update=update.timestamp,
            newest={update.status: update.timestamp},
        )

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
        added = replace(self, newest=newest, first_update=min(self.first_update, update.timestamp))
        if update.timestamp > self.last_update:
            added = replace(
                added, status=update.status, last_update=update.timestamp, location=update.location
            )
        candidates = [self.since] if added.status == self.status else []
        if update.status == added.status and None not in candidates:
            candidates.append(update.timestamp)
        since = min((time for time in candidates if time is not None and time > added.before), default=None)
        return replace(added, since=since)

    def _others(self) -> dict[str, int]:
        return {status: time for status, time in self.newest.items() if status != self.status}
