"""The table of updates: one item an update, under its shipment and its time."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from botocore import exceptions

import facts
from shipments.attributes import Item, decode_item, encode, encode_item
from shipments.update import Update

#: The attribute that an update has, beside `event_time`, if another one had taken its millisecond.
_DIGEST = "digest"
#: Places that are tried one after the other, and the ms over which updates spread beyond.
_RUN = 100
_SPREAD = 60_000

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
        """Store `update` unless it is there already, and return its timestamp, each time the same.

        It is kept under its event time or, if another update of the shipment is there, at the next free
        millisecond. That takes one call, and three if the time is taken, however many updates took it: past 100
        of them without a gap it goes to a place in the next minute that the update itself determines.

        Updates are never changed or removed, so everyone who sends the same update tries the same places in the
        same order, and either takes the first free one or finds it stored.

        `now` is ms since the epoch; no further call begins after `deadline`, on the clock of `time.monotonic`.
        Raises Refused.
        """
        wanted = now if update.event_time is None else update.event_time
        content = {
            "tracking_id": update.tracking_id,
            "timestamp": wanted,
            "status": update.status,
            "location": update.location,
            "environment": self._environment,
            "created_at": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now / 1000)),
        }
        if update.metadata is not None:
            content["metadata"] = update.metadata
        item = encode_item(content)
        occupant = self._put(item, deadline)
        if occupant is None:
            return wanted
        digest = _digest(item)
        item |= {"event_time": encode(wanted), _DIGEST: encode(digest)}
        places = self._places(update.tracking_id, wanted, digest)
        place = wanted
        while occupant is not None and _digest(occupant) != digest:
            place = next(places)
            occupant = self._put({**item, "timestamp": encode(place)}, deadline)
        return place

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

    def _put(self, item: Item, deadline: float) -> Item | None:
        """Store `item` if its place is free, else return what is there."""
        if time.monotonic() > deadline:
            raise Unavailable("time is up")
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

    def _places(self, tracking_id: str, start: int, digest: str) -> Iterator[int]:
        """The places to try after `start`, in order, without those that are known to be another update's."""
        while True:
            taken = self._digests(tracking_id, start, start + _RUN - 1)
            for place in range(start, start + _RUN):
                if taken.get(place, digest) == digest:
                    yield place
            start += _RUN + int(digest, 16) % _SPREAD
            yield start

    def _digests(self, tracking_id: str, since: int, until: int) -> dict[int, str]:
        """The digests of a shipment's updates by timestamp, empty for those that are where they belong."""
        query = {
            "KeyConditionExpression": "tracking_id = :id AND #timestamp BETWEEN :since AND :until",
            "ProjectionExpression": f"#timestamp, {_DIGEST}",
            "ExpressionAttributeNames": {"#timestamp": "timestamp"},
            "ExpressionAttributeValues": {
                ":id": encode(tracking_id),
                ":since": encode(since),
                ":until": encode(until),
            },
        }
        digests = {}
        while True:
            response = call(self._client.query, TableName=self._table, ConsistentRead=True, **query)
            for item in map(decode_item, response["Items"]):
                digests[item["timestamp"]] = item.get(_DIGEST, "")
            if "LastEvaluatedKey" not in response:  # it is there after every MB
                return digests
            query["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    def _page(self, limit: int, start: Item | None, **query: Any) -> Page:
        if start:
            query["ExclusiveStartKey"] = start
        # One more than asked for tells whether there is more.
        response = call(
            self._client.query, TableName=self._table, ScanIndexForward=False, Limit=limit + 1, **query
        )
        updates = [decode_item(item) for item in response["Items"]]
        for update in updates:
            update.pop(_DIGEST, None)
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


def _digest(item: Item) -> str:
    """What tells an update from any other of its shipment."""
    if _DIGEST in item:
        return str(item[_DIGEST]["S"])
    # Encoded anew, since DynamoDB may spell a number in another way.
    value = decode_item(item)
    identity = {name: encode(value.get(name)) for name in ("timestamp", "status", "location", "metadata")}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
