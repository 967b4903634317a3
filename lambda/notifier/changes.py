"""Which updates change the status of their shipment.

An update is a change if its status differs from that of the update before it in event time, or if it is the
shipment's first. One that comes in late, after an update with a later event time, is part of the history but
no news: whoever was told "delivered" is not told "in transit" an hour later.

What counts is what the table held when the update arrived, however much later it is looked at, and in
however many pieces a batch is retried. Within a batch the stream's own order tells what arrived first, and
otherwise the time of arrival, to the second, and within the second the event time.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Self

import contract
from storage.attributes import encode
from storage.shards import decode_update

#: The last event time that can be written as a date, in ms since the epoch: the end of the year 9999.
_LAST_TIME = 253_402_300_799_999
_PAGE = 100


class NoUpdate(Exception):
    """A record of the stream is not one of an update; somebody else wrote to the table."""


class Update(NamedTuple):
    """An update as the stream brings it."""

    id: str
    """Of the record; it stays the same however often the record is read."""
    tracking_id: str
    timestamp: int
    """Event time, ms since the epoch."""
    created_at: str
    """Time of arrival, YYYY-MM-DD HH:MM:SS in UTC."""
    status: str
    location: dict[str, Decimal | float]

    @classmethod
    def parse(cls, record: dict[str, Any]) -> Self:
        """The update that a record of the stream is about. Raises NoUpdate."""
        match decode_update(record["dynamodb"]["NewImage"]):
            case {
                "tracking_id": str(tracking_id),
                "timestamp": int(timestamp),
                "created_at": str(created_at),
                "status": str(status),
                "location": {
                    "lat": Decimal() | float() | int() as lat,
                    "lng": Decimal() | float() | int() as lng,
                },
            } if status in contract.STATUSES and 0 <= timestamp <= _LAST_TIME:
                location = {"lat": lat, "lng": lng}
                return cls(record["eventID"], tracking_id, timestamp, created_at, status, location)
        raise NoUpdate


class Newest(NamedTuple):
    """The newest update of a shipment in event time."""

    timestamp: int
    status: str


class Change(NamedTuple):
    """An update with a new status."""

    update: Update
    previous: str | None
    """The status before, None for the first update of a shipment."""


class History:
    """Looks into the table; for many threads."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def newest_before(self, arrivals: Sequence[Update]) -> Newest | None:
        """The newest update of a shipment when the first of `arrivals` came in.

        One call, unless many others have come in since. `arrivals` are updates of one shipment, in the order
        of the stream. Raises botocore's errors.
        """
        first = arrivals[0]
        arriving = {update.timestamp for update in arrivals}
        request = {
            "TableName": self._table,
            "KeyConditionExpression": "tracking_id = :id",
            "ExpressionAttributeValues": {":id": encode(first.tracking_id)},
            "ProjectionExpression": "#timestamp, #status, created_at",
            "ExpressionAttributeNames": {"#timestamp": "timestamp", "#status": contract.STATUS_KEY},
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": len(arrivals) + 1,
        }
        while True:
            response = self._client.query(**request)
            for item in map(decode_update, response["Items"]):
                match item:
                    case {"timestamp": int(timestamp), "created_at": str(created_at), "status": str(status)}:
                        arrived = (created_at, timestamp) < (first.created_at, first.timestamp)
                        if arrived and timestamp not in arriving:
                            return Newest(timestamp, status)
            if "LastEvaluatedKey" not in response:
                return None
            request |= {"ExclusiveStartKey": response["LastEvaluatedKey"], "Limit": _PAGE}


def changes(newest: Newest | None, arrivals: Sequence[Update]) -> tuple[list[Change], int]:
    """The changes among `arrivals`, and how many came in late.

    Args:
        newest: what `History.newest_before` said.
        arrivals: updates of one shipment, in the order of the stream.
    """
    found, late = [], 0
    for update in arrivals:
        if newest and update.timestamp < newest.timestamp:
            late += 1
            continue
        if newest is None or update.status != newest.status:
            found.append(Change(update, newest.status if newest else None))
        newest = Newest(update.timestamp, update.status)
    return found, late
