"""Which changes of a shipment's record are told: those of its status.

A late update, after one with a later event time, changes the history and not the record's status. So whoever was told
"delivered" is not told "in transit" an hour later.
"""

from typing import Any, NamedTuple, Self

from shipments.shipment import Shipment
from storage.shipments import decode_record


class Change(NamedTuple):
    """A new status of a shipment."""

    id: str
    """Of the stream's record; it stays the same however often that is read."""
    shipment: Shipment
    version: int
    """Of the shipment's record, which only grows."""
    previous: str | None
    """The status that was told before; None for a new shipment."""

    @classmethod
    def parse(cls, record: dict[str, Any]) -> Self | None:
        """The change that a record of the stream is, if it is one.

        Raises ForeignItem if it is not of a shipment.
        """
        images = record["dynamodb"]
        new = decode_record(images["NewImage"])
        previous = decode_record(images["OldImage"]).shipment.status if "OldImage" in images else None
        if new.rebuilt or new.shipment.status == previous:
            return None
        return cls(record["eventID"], new.shipment, new.version, previous)
