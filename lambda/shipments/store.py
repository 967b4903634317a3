"""The table of updates: one item an update, under its shipment and its time."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from botocore import exceptions

import facts
from shipments.attributes import Item, decode_item, encode, encode_item
from shipments.update import Update

#: `event_time` is in an item only if another update had taken that millisecond.
_IDENTITY = ("tracking_id", "event_time", "status", "location", "metadata")

#: Error codes with which AWS asks to come back later.
_THROTTLES = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TransactionInProgressException",
}


class Unavailable(Exception):
    """DynamoDB throttles, fails or does not answer, or time is up; the same request may succeed later."""


class Refused(Exception):
    """DynamoDB does not take the update, or the position in a list; the message is its own."""


class TooLarge(Refused):
    """The update has more than DynamoDB's 400 KB an item."""


class Position(NamedTuple):
    """The place of an update in a list, after which a page starts; `timestamp` is ms since the epoch."""

    tracking_id: str
    timestamp: int


class Page(NamedTuple):
    """Some updates, newest first, as `decode_item` gives them, and whether there may be more."""

    updates: list[dict[str, Any]]
    more: bool


class UpdateStore:
    """Reads and writes updates; for many threads. Every method raises Unavailable."""

    def __init__(self, client: Any, table: str, environment: str) -> None:
        self._client = client
        self._table = table
        self._environment = environment

    def put(self, update: Update, *, now: int, deadline: float) -> int:
        """Store `update` unless it is there already, and return its timestamp, both times the same.

        It is kept under its event time or, if other updates of the shipment are there, at the first free
        millisecond after it. One call as a rule, and three if the time is taken, however many took it:
        updates are never changed or removed, so two runs for the same update try the same places in the same
        order, and the second finds what the first one stored. (Should over 1 MB of updates follow each other
        without a gap, the search goes on at a place within the next hour that the update itself determines.)

        `now` is ms since the epoch; no further call is begun after `deadline`, on the clock of
        `time.monotonic`. Raises Refused.
        """
        wanted = now if update.event_time is None else update.event_time
        content = {
            "tracking_id": update.tracking_id,
            "status": update.status,
            "location": update.location,
            "environment": self._environment,
            "created_at": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now / 1000)),
        }
        if update.metadata is not None:
            content["metadata"] = update.metadata
        start = timestamp = wanted
        while True:
            item = encode_item({**content, "timestamp": timestamp})
            if timestamp != wanted:
                item["event_time"] = encode(wanted)
            occupant = self._put(item)
            if occupant is None or _identity(occupant) == _identity(item):
                return timestamp
            if time.monotonic() > deadline:
                raise Unavailable("other updates keep taking the place")
            start, timestamp = self._free(item, start)

    def history(self, tracking_id: str, *, limit: int, after: Position | None = None) -> Page:
        """The newest `limit` updates of a shipment, or those before `after`; reads what is stored by then."""
        return self._page(
            limit,
            after and {"tracking_id": encode(tracking_id), "timestamp": encode(after.timestamp)},
            KeyConditionExpression="tracking_id = :id",
            ExpressionAttributeValues={":id": encode(tracking_id)},
            ConsistentRead=True,
        )

    def with_status(
        self, status: str, since: int, until: int, *, limit: int, after: Position | None = None
    ) -> Page:
        """The newest `limit` updates with a status, or those before `after`, from the index.

        `since` and `until` are ms since the epoch, both included. A new update appears after a moment.
        """
        return self._page(
            limit,
            after
            and {
                **_index_key(status),
                "timestamp": encode(after.timestamp),
                "tracking_id": encode(after.tracking_id),
            },
            IndexName=facts.STATUS_INDEX,
            KeyConditionExpression="#key = :key AND #timestamp BETWEEN :since AND :until",
            ExpressionAttributeNames={"#key": facts.STATUS_KEY, "#timestamp": "timestamp"},
            ExpressionAttributeValues={
                ":key": _index_key(status)[facts.STATUS_KEY],
                ":since": encode(since),
                ":until": encode(until),
            },
        )

    def _put(self, item: Item) -> Item | None:
        """Store `item` at a free place; if it is not free, return what is there."""
        try:
            call(
                self._client.put_item,
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(tracking_id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            occupant: Item = error.response["Item"]
            return occupant
        return None

    def _free(self, item: Item, start: int) -> tuple[int, int]:
        """Where to go on with `item`: the start of the search, and the place to try, which may be its own."""
        response = call(
            self._client.query,
            TableName=self._table,
            KeyConditionExpression="tracking_id = :id AND #timestamp >= :start",
            ExpressionAttributeNames={"#timestamp": "timestamp"},
            ExpressionAttributeValues={":id": item["tracking_id"], ":start": encode(start)},
            ConsistentRead=True,
        )
        wanted, free = _identity(item), start
        for occupant in response["Items"]:
            if int(occupant["timestamp"]["N"]) != free or _identity(occupant) == wanted:
                return start, free
            free += 1
        if "LastEvaluatedKey" not in response:
            return start, free
        digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).digest()
        far = free + int.from_bytes(digest[:8]) % 3_600_000
        return far, far

    def _page(self, limit: int, start: Item | None, **query: Any) -> Page:
        if start:
            query["ExclusiveStartKey"] = start
        # One more than asked for tells whether there is more.
        response = call(
            self._client.query, TableName=self._table, ScanIndexForward=False, Limit=limit + 1, **query
        )
        updates = [decode_item(item) for item in response["Items"]]
        more = len(updates) > limit or "LastEvaluatedKey" in response
        return Page(updates[:limit], more)


def position_of(update: dict[str, Any]) -> Position:
    """Where `update`, as a page has it, stands."""
    return Position(update["tracking_id"], update["timestamp"])


def call(operation: Callable[..., Any], **request: Any) -> Any:
    """`operation(**request)` of a DynamoDB client; raises Unavailable, Refused, or botocore's ClientError."""
    try:
        return operation(**request)
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise Unavailable(type(error).__name__) from error
    except exceptions.ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in _THROTTLES or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise Unavailable(code) from error
        if code == "ValidationException":
            raise (TooLarge if "Item size" in message else Refused)(message) from error
        raise


def _index_key(status: str) -> Item:
    return {facts.STATUS_KEY: encode(status)}


def _identity(item: Item) -> Item:
    """What makes an update the one it is. Encoded anew, since DynamoDB may spell a number differently."""
    value = decode_item(item)
    value.setdefault("event_time", value["timestamp"])
    return {name: encode(value[name]) for name in _IDENTITY if name in value}
