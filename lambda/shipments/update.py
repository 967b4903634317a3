"""What an update of a shipment may be."""

from typing import Any, NamedTuple, Self

import contract
from shipments.document import MAX_BYTES, Fault, Invalid, Schema, check_size, check_storable
from shipments.tracking_id import check_tracking_id

#: Bytes of the JSON text of an update: a character that is stored as one byte may be written as six (\u0041).
MAX_TEXT = 6 * MAX_BYTES

#: ms that an update's time may be ahead of the server's clock.
MAX_AHEAD = 5 * 60 * 1000


#: Of an update, a valid field of each name.
_FIELDS = {"tracking_id": "A", "status": contract.STATUSES[0], "location": {"lat": 0, "lng": 0}}


class Update(NamedTuple):
    """One update. `event_time` is ms since the epoch, None for the time of its arrival."""

    tracking_id: str
    status: str
    location: dict[str, Any]
    metadata: dict[str, Any] | None
    event_time: int | None

    @classmethod
    def parse(cls, document: Any, schema: Schema, now: int) -> Self:
        """The update in `document`. Raises Invalid or TooLarge. `now` is the server's time in ms since the epoch."""
        # What costs least comes first.
        check_size(document)
        schema.check(document)
        check_storable(document)
        check_tracking_id(document["tracking_id"])
        event_time = document.get("timestamp")
        if event_time is not None and event_time > now + MAX_AHEAD:
            raise Invalid([Fault("/timestamp", "must not be more than 5 minutes ahead")])
        return cls(
            document["tracking_id"],
            document["status"],
            document["location"],
            document.get("metadata"),
            event_time,
        )


def check_field(name: str, value: Any, schema: Schema) -> None:
    """Raises Invalid if an update cannot have this field."""
    field = {name: value}
    check_storable(field)
    schema.check(_FIELDS | field)
