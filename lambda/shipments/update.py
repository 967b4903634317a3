"""What an update of a shipment may be."""

from collections.abc import Mapping
from math import inf
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

import contract
from contract.reasons import REASONS
from shipments.document import MAX_BYTES, Fault, Invalid, Schema, check_size, check_storable
from shipments.tracking_id import check_tracking_id

#: Bytes of the JSON text of an update: a character that is stored as one byte may be written as six (\u0041).
MAX_TEXT = 6 * MAX_BYTES

#: ms that an update's time may be ahead of the server's clock.
MAX_AHEAD = 5 * 60 * 1000


#: Fields that an update may have, which are kept as they were sent.
OPTIONAL: Final = ("place", "detail", "reason", "carrier", "references", "estimated_delivery")
#: As the schema has it.
MAX_REFERENCES = 5

#: Of an update, a valid field of each name.
_FIELDS = {"tracking_id": "A", "status": contract.STATUSES[0], "location": {"lat": 0, "lng": 0}}


class Update(NamedTuple):
    """One update. `event_time` is ms since the epoch, None for the time of its arrival."""

    tracking_id: str
    status: str
    location: dict[str, Any] | None
    metadata: dict[str, Any] | None
    event_time: int | None
    optional: Mapping[str, Any] = MappingProxyType({})
    """The OPTIONAL ones that were sent."""

    @classmethod
    def parse(cls, document: Any, schema: Schema, now: int, *, length: float = inf) -> Self:
        """The update in `document`. Raises Invalid or TooLarge.

        Args:
            now: the server's time in ms since the epoch.
            length: characters of the JSON text that it stands in.
        """
        # What costs least comes first; no value counts for more bytes than it has characters in JSON.
        if length > MAX_BYTES:
            check_size(document)
        _check_length(document)
        schema.check(document)
        check_storable(document)
        check_tracking_id(document["tracking_id"])
        if optional := {name: document[name] for name in OPTIONAL if name in document}:
            _check_optional(document["status"], optional)
        event_time = document.get("timestamp")
        if event_time is not None and event_time > now + MAX_AHEAD:
            raise Invalid([Fault("/timestamp", "must not be more than 5 minutes ahead")])
        return cls(
            document["tracking_id"],
            document["status"],
            document.get("location"),
            document.get("metadata"),
            event_time,
            optional,
        )


def _check_length(document: Any) -> None:
    # The schema finds a fault in each of them, which may be hundreds of thousands.
    references = document.get("references") if isinstance(document, dict) else None
    if isinstance(references, list) and len(references) > MAX_REFERENCES:
        raise Invalid([Fault("/references", f"must contain at most {MAX_REFERENCES} items")])


def _check_optional(status: str, optional: Mapping[str, Any]) -> None:
    """What the schema cannot say. Raises Invalid."""
    for index, reference in enumerate(optional.get("references", ())):
        check_tracking_id(reference, f"/references/{index}")
    reason = optional.get("reason")
    if reason is not None and status not in REASONS[reason]:
        raise Invalid([Fault("/reason", f"must not come with the status {status}")])
    estimate = optional.get("estimated_delivery")
    if isinstance(estimate, dict) and estimate["to"] < estimate["from"]:
        raise Invalid([Fault("/estimated_delivery/to", "must not be before from")])


def check_field(name: str, value: Any, schema: Schema) -> None:
    """Raises Invalid if an update cannot have this field."""
    field = {name: value}
    check_storable(field)
    schema.check(_FIELDS | field)
