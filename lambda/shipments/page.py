"""A page of a list of updates."""

from typing import Any, NamedTuple, Self


class Position(NamedTuple):
    """The place of an update in a list, after which a page starts; `timestamp` is ms since the epoch."""

    tracking_id: str
    timestamp: int
    shard: int = 0
    """Of the status index."""


class Page(NamedTuple):
    """Some updates, newest first, as members by name, their positions, and whether there may be more."""

    updates: list[dict[str, Any]]
    positions: list[Position]
    more: bool

    def first(self, count: int) -> Self:
        """A page of the first `count` updates of this one, which has more."""
        return self._replace(updates=self.updates[:count], positions=self.positions[:count], more=True)
