"""A page of a list of updates, or of shipments."""

from typing import Any, NamedTuple, Self


class Position(NamedTuple):
    """The place in a list after which a page starts; `timestamp` is ms since the epoch."""

    tracking_id: str
    timestamp: int
    shard: int = 0
    """Of the status index."""


class Page(NamedTuple):
    """Some updates, as members by name, or records of shipments; their positions, and whether there may be more."""

    items: list[Any]
    positions: list[Position]
    more: bool

    def first(self, count: int) -> Self:
        """A page of the first `count` of this one, which has more."""
        return self._replace(items=self.items[:count], positions=self.positions[:count], more=True)
