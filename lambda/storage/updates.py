"""The table of updates: one item an update, under its shipment and its time."""

import hashlib
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from math import inf
from typing import Any

import contract
from contract.routes import MAX_TIME
from shipments.page import Page, Position
from shipments.shipment import StoredUpdate
from shipments.tracking_id import normalize
from shipments.update import OPTIONAL, Update
from storage.attributes import ForeignItem, Item, decode_item, encode, encode_item
from storage.dynamodb import Taken, call_dynamodb
from storage.shards import Shards, decode_update, in_shard
from storage.status_index import StatusIndex, check_time, find, make_page

#: The attribute that an update has, beside `event_time`, if another one had taken its millisecond.
_DIGEST = "digest"
#: Places that are tried one after the other, as many as hold so many bytes of the update's like, and the ms over which
#: updates spread beyond. So displaced updates in a run take about 5 MB at most, whatever their sizes.
_RUN = 100
_RUN_BYTES = 2**20
_SPREAD = 60_000
#: Of the attribute created_at, in UTC.
_SECOND = "%Y-%m-%d %H:%M:%S"
#: The last event time that can be written as a date, in ms since the epoch: the end of the year 9999.
LAST_TIME = 253_402_300_799_999
_ONE_SHARD = Shards()
#: What the optional fields of an update are.
_KINDS: Mapping[str, tuple[type, ...]] = {
    "place": (dict,),
    "detail": (str,),
    "reason": (str,),
    "carrier": (str,),
    "references": (list,),
    "estimated_delivery": (int, dict),
}


class UpdateStore:
    """Reads and writes updates; for many threads. Every method raises Unavailable."""

    def __init__(self, client: Any, table: str, environment: str, shards: Shards = _ONE_SHARD) -> None:
        self._client = client
        self._table = table
        self._environment = environment
        self._shards_written = shards.written
        self._index = StatusIndex(client, table, time="timestamp", shards=shards.read)

    def put(self, update: Update, *, now: int, arrived: int, deadline: float) -> int:
        """Store `update` unless it is there already, and return its timestamp, each time the same.

        It is kept under its event time or, if another update of the shipment is there, at the next free
        millisecond. That takes one call, and three if the time is taken, however many updates took it: past 100
        of them without a gap, or 1 MB of its size, it goes to a place in the next minute that it determines itself.

        Updates are never changed or removed, so everyone who sends the same update tries the same places in the
        same order, and either takes the first free one or finds it stored. It is looked for in all of the 100,
        where a release stored it that did not look at its size.

        `now` is the time of an update that has none, and `arrived` that of the request, which differs in a retry;
        both in ms since the epoch. No further call begins after `deadline`, on the clock of `time.monotonic`.
        Raises Refused.
        """
        wanted = now if update.event_time is None else update.event_time
        content = {
            "tracking_id": update.tracking_id,
            "timestamp": wanted,
            "status": update.status,
            "environment": self._environment,
            "created_at": time.strftime(_SECOND, time.gmtime(arrived / 1000)),
            "arrived_at": arrived,
            **update.optional,
        }
        if update.location is not None:
            content["location"] = update.location
        if update.metadata is not None:
            content["metadata"] = update.metadata
        item = encode_item(content)
        occupant = self._put(item, deadline)
        if occupant is None:
            return wanted
        digest = _digest(item)
        places = max(1, min(_RUN, _RUN_BYTES // len(_content(item))))
        item |= {"event_time": encode(wanted), _DIGEST: encode(digest)}
        run = place = wanted
        while occupant is not None and _digest(occupant) != digest:
            place, is_own = self._first_gap(update.tracking_id, place + 1, run + _RUN, digest, deadline)
            if place >= run + places and not is_own:
                run = place = run + _RUN + int(digest, 16) % _SPREAD
            occupant = self._put({**item, "timestamp": encode(place)}, deadline)
        return place

    def history(
        self,
        tracking_id: str,
        *,
        limit: int,
        after: Position | None = None,
        as_of: int = MAX_TIME,
        deadline: float = inf,
    ) -> Page:
        """The newest `limit` updates of a shipment, or those before `after`; reads what is stored by then.

        If there is none under `tracking_id` as it is spelled, it is that under its normal form.

        With `as_of`, ms since the epoch, it is what had arrived by then. That may take more than one call, and none
        begins after `deadline`, on the clock of `time.monotonic`, which may make the page shorter.
        """
        query: dict[str, Any] = {}
        values: Item = {}
        if as_of < MAX_TIME:
            second = time.strftime(_SECOND, time.gmtime(min(as_of, LAST_TIME) / 1000))
            values = {":as_of": encode(as_of), ":second": encode(second)}
            # What an earlier release stored has the second alone, and is taken to have arrived at its start.
            query["FilterExpression"] = (
                "arrived_at <= :as_of OR attribute_not_exists(arrived_at) AND created_at <= :second"
            )

        def read(tracking_id: str) -> Page:
            if after:
                place = {"tracking_id": encode(tracking_id), "timestamp": encode(after.timestamp)}
                query["ExclusiveStartKey"] = place
            found = find(
                self._client,
                self._table,
                limit,
                deadline=deadline,
                KeyConditionExpression="tracking_id = :id",
                ExpressionAttributeValues={":id": encode(tracking_id), **values},
                ConsistentRead=True,
                **query,
            )
            return _visible(make_page(limit, [found], time="timestamp"))

        normal = normalize(tracking_id)
        if after and after.tracking_id == normal:
            tracking_id = normal
        page = read(tracking_id)
        if page.items or after or normal in ("", tracking_id):
            return page
        return read(normal)

    def with_status(
        self,
        status: str,
        since: int,
        until: int,
        *,
        limit: int,
        deadline: float,
        after: Position | None = None,
    ) -> Page:
        """The newest `limit` updates with a status, or those before `after`, from the index.

        `since` and `until` are ms since the epoch, both included; see StatusIndex.page.
        """
        page = self._index.page(status, since, until, limit=limit, deadline=deadline, after=after)
        return _visible(page)

    def _put(self, item: Item, deadline: float) -> Item | None:
        """Store `item` if its place is free, else return what is there."""
        check_time(deadline)
        try:
            call_dynamodb(
                self._client.put_item,
                TableName=self._table,
                Item=in_shard(item, self._shards_written),
                ConditionExpression="attribute_not_exists(tracking_id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except Taken as taken:
            return taken.item
        return None

    def _first_gap(
        self, tracking_id: str, since: int, until: int, digest: str, deadline: float
    ) -> tuple[int, bool]:
        """The first place from `since` that is free, or has the update with `digest`, which the second value tells.

        It is `until` if they are all other updates'.
        """
        query = {
            "KeyConditionExpression": "tracking_id = :id AND #timestamp BETWEEN :since AND :until",
            "ProjectionExpression": f"#timestamp, {_DIGEST}",
            "ExpressionAttributeNames": {"#timestamp": "timestamp"},
            "ExpressionAttributeValues": {
                ":id": encode(tracking_id),
                ":since": encode(since),
                ":until": encode(until - 1),
            },
        }
        while since < until:
            check_time(deadline)
            response = call_dynamodb(self._client.query, TableName=self._table, ConsistentRead=True, **query)
            for item in map(decode_item, response["Items"]):
                if item["timestamp"] != since:
                    return since, False
                if item.get(_DIGEST) == digest:
                    return since, True
                since += 1
            if "LastEvaluatedKey" not in response:  # it is there after every MB
                break
            query["ExclusiveStartKey"] = response["LastEvaluatedKey"]
        return since, False


def decode_stored(item: Item) -> StoredUpdate:
    """The update that an item is. Raises ForeignItem."""
    members = decode_update(item)
    match members:
        case {"tracking_id": str(tracking_id), "timestamp": int(timestamp), "status": str(status)} if (
            status in contract.STATUSES and 0 <= timestamp <= LAST_TIME
        ):
            location = _location(members)
            optional = {name: members[name] for name in OPTIONAL if name in members}
            references = optional.get("references", [])
            if all(isinstance(value, _KINDS[name]) for name, value in optional.items()) and all(
                isinstance(reference, str) for reference in references
            ):
                return StoredUpdate(tracking_id, timestamp, status, location, **optional)
    raise ForeignItem


def _location(members: dict[str, Any]) -> dict[str, Any] | None:
    """The location that was sent. Raises ForeignItem if there is neither a location nor a place."""
    match members:
        case {
            "location": {
                "lat": Decimal() | float() | int() as lat,
                "lng": Decimal() | float() | int() as lng,
            }
        }:
            return {"lat": lat, "lng": lng}
        case {"location": _}:
            raise ForeignItem
        case {"place": _}:
            return None
    raise ForeignItem


def _visible(page: Page) -> Page:
    for update in page.items:
        update.pop(_DIGEST, None)
    return page


def _digest(item: Item) -> str:
    """What tells an update from any other of its shipment."""
    return str(item[_DIGEST]["S"]) if _DIGEST in item else hashlib.sha256(_content(item)).hexdigest()


def _content(item: Item) -> bytes:
    # Encoded anew, since DynamoDB may spell a number in another way.
    value = decode_update(item)
    # Those that every update once had count where they are not, and the later ones only where they are: the digests
    # of the updates that are stored stay.
    names = ["timestamp", "status", "location", "metadata", *(name for name in OPTIONAL if name in value)]
    return json.dumps({name: encode(value.get(name)) for name in names}, sort_keys=True).encode()
