"""Which changes of a shipment's record are told: of its status or its estimate, and that it is stalled, moves
again or is overdue.

A late update, after one with a later event time, changes the history and not the record's status. So whoever was told
"delivered" is not told "in transit" an hour later.
"""

from typing import Any, NamedTuple, Self

import contract
from shipments.shipment import Shipment
from storage.shipments import Record, decode_record


class Change(NamedTuple):
    """What is new of a shipment."""

    id: str
    """Of the stream's record; it stays the same however often that is read."""
    event: str
    """One of the contract's."""
    shipment: Shipment
    version: int
    """Of the shipment's record, which only grows."""
    previous: str | None
    """The status that the record had before, which only STATUS_CHANGED makes another; None for a new shipment."""

    @classmethod
    def parse(cls, record: dict[str, Any]) -> Self | None:
        """The change that a record of the stream is, if it is one.

        Raises ForeignItem if it is not of a shipment.
        """
        images = record["dynamodb"]
        new = decode_record(images["NewImage"])
        old = decode_record(images["OldImage"]) if "OldImage" in images else None
        event = _event(old, new)
        if event is None or new.rebuilt:
            return None
        return cls(record["eventID"], event, new.shipment, new.version, old and old.shipment.status)


def _event(old: Record | None, new: Record) -> str | None:
    """One at most, since each version of a record is told once."""
    if old is None or new.shipment.status != old.shipment.status:
        return contract.STATUS_CHANGED
    if new.stalled and not old.stalled:
        return contract.STALLED
    if new.overdue and not old.overdue:
        return contract.OVERDUE
    if old.stalled and not new.stalled:
        return contract.MOVING_AGAIN
    if new.shipment.estimated_delivery != old.shipment.estimated_delivery:
        return contract.ESTIMATE_CHANGED
    return None
