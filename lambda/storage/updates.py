"""The table of updates: one item an update, under its shipment and its time."""

import hashlib
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from heapq import merge
from itertools import islice, takewhile
from operator import itemgetter
from typing import Any, NamedTuple

import contract
from shipments.errors import Unavailable
from shipments.page import Page, Position
from shipments.tracking_id import normalize
from shipments.update import Update
from storage.attributes import Item, decode_item, encode, encode_item
from storage.dynamodb import Taken, call_dynamodb
from storage.shards import Shards, decode_update, in_shard, index_key

#: The attribute that an update has, beside `event_time`, if another one had taken its millisecond.
_DIGEST = "digest"
#: Places that are tried one after the other, as many as hold so many bytes of the update's like, and the ms over which
#: updates spread beyond. So displaced updates in a run take about 5 MB at most, whatever their sizes.
_RUN = 100
_RUN_BYTES = 2**20
_SPREAD = 60_000
#: Shards that are asked at a time; a client keeps 10 connections.
_WORKERS = 10

_ONE_SHARD = Shards()


class UpdateStore:
    """Reads and writes updates; for many threads. Every method raises Unavailable."""

    def __init__(self, client: Any, table: str, environment: str, shards: Shards = _ONE_SHARD) -> None:
        self._client = client
        self._table = table
        self._environment = environment
        self._shards = shards

    def put(self, update: Update, *, now: int, deadline: float) -> int:
        """Store `update` unless it is there already, and return its timestamp, each time the same.

        It is kept under its event time or, if another update of the shipment is there, at the next free
        millisecond. That takes one call, and three if the time is taken, however many updates took it: past 100
        of them without a gap, or 1 MB of its size, it goes to a place in the next minute that it determines itself.

        Updates are never changed or removed, so everyone who sends the same update tries the same places in the
        same order, and either takes the first free one or finds it stored. It is looked for in all of the 100,
        where a release stored it that did not look at its size.

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
        places = max(1, min(_RUN, _RUN_BYTES // len(_content(item))))
        item |= {"event_time": encode(wanted), _DIGEST: encode(digest)}
        run = place = wanted
        while occupant is not None and _digest(occupant) != digest:
            place, is_own = self._first_gap(update.tracking_id, place + 1, run + _RUN, digest, deadline)
            if place >= run + places and not is_own:
                run = place = run + _RUN + int(digest, 16) % _SPREAD
            occupant = self._put({**item, "timestamp": encode(place)}, deadline)
        return place

    def history(self, tracking_id: str, *, limit: int, after: Position | None = None) -> Page:
        """The newest `limit` updates of a shipment, or those before `after`; reads what is stored by then.

        If there is none under `tracking_id` as it is spelled, it is that under its normal form.
        """
        normal = normalize(tracking_id)
        if after and after.tracking_id == normal:
            tracking_id = normal
        page = self._history(tracking_id, limit, after)
        if page.updates or after or normal in ("", tracking_id):
            return page
        return self._history(normal, limit, after)

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

        `since` and `until` are ms since the epoch, both included. A new update appears after a moment. It takes
        a call for each shard, and none begins after `deadline`, on the clock of `time.monotonic`.

        Updates of one millisecond come shard by shard, and within a shard in DynamoDB's order, of which nothing
        is known but that it goes on after any update. So a position needs no more than its own shard to hold
        for all of them.
        """

        def search(shard: int) -> _Found:
            key, start, last = index_key(status, shard), None, until
            if after and shard == after.shard:
                place = {"timestamp": encode(after.timestamp), "tracking_id": encode(after.tracking_id)}
                start = {contract.STATUS_KEY: key, **place}
            elif after:
                last = min(until, after.timestamp - (shard < after.shard))
            if last < since:
                return _Found([], more=False)
            _check_time(deadline)
            return self._newest(
                limit,
                start,
                IndexName=contract.STATUS_INDEX,
                KeyConditionExpression="#key = :key AND #timestamp BETWEEN :since AND :until",
                ExpressionAttributeNames={"#key": contract.STATUS_KEY, "#timestamp": "timestamp"},
                ExpressionAttributeValues={":key": key, ":since": encode(since), ":until": encode(last)},
            )

        if self._shards.read == 1:
            return _page(limit, [search(0)])
        with ThreadPoolExecutor(_WORKERS) as pool:
            return _page(limit, list(pool.map(search, range(self._shards.read))))

    def _history(self, tracking_id: str, limit: int, after: Position | None) -> Page:
        start = after and {"tracking_id": encode(tracking_id), "timestamp": encode(after.timestamp)}
        found = self._newest(
            limit,
            start,
            KeyConditionExpression="tracking_id = :id",
            ExpressionAttributeValues={":id": encode(tracking_id)},
            ConsistentRead=True,
        )
        return _page(limit, [found])

    def _put(self, item: Item, deadline: float) -> Item | None:
        """Store `item` if its place is free, else return what is there."""
        _check_time(deadline)
        try:
            call_dynamodb(
                self._client.put_item,
                TableName=self._table,
                Item=in_shard(item, self._shards.written),
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
            _check_time(deadline)
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

    def _newest(self, limit: int, start: Item | None, **query: Any) -> "_Found":
        if start:
            query["ExclusiveStartKey"] = start
        # One more than asked for tells whether there is more.
        response = call_dynamodb(
            self._client.query, TableName=self._table, ScanIndexForward=False, Limit=limit + 1, **query
        )
        return _Found(response["Items"], "LastEvaluatedKey" in response)


class _Found(NamedTuple):
    """Items of a shard, newest first, and whether it may have more."""

    items: list[Item]
    more: bool


def _page(limit: int, shards: Sequence[_Found]) -> Page:
    """The newest `limit` of what was found, or fewer: what a shard did not tell may come next."""
    runs = []
    for shard, (items, more) in enumerate(shards):
        run: list[tuple[Position, Item | None]] = [
            (Position(item["tracking_id"]["S"], int(item["timestamp"]["N"]), shard), item) for item in items
        ]
        runs.append(run + [(place, None) for place, _ in run[-1:] if more])
    # It takes equal ones in the order of the shards.
    merged = merge(*runs, key=lambda entry: -entry[0].timestamp)
    entries = list(islice(takewhile(itemgetter(1), merged), limit))
    updates = [decode_update(item) for _, item in entries if item]
    for update in updates:
        update.pop(_DIGEST, None)
    more = any(found.more for found in shards) or len(entries) < sum(len(found.items) for found in shards)
    return Page(updates, [place for place, _ in entries], more)


def _digest(item: Item) -> str:
    """What tells an update from any other of its shipment."""
    return str(item[_DIGEST]["S"]) if _DIGEST in item else hashlib.sha256(_content(item)).hexdigest()


def _content(item: Item) -> bytes:
    # Encoded anew, since DynamoDB may spell a number in another way.
    value = decode_update(item)
    names = ("timestamp", "status", "location", "metadata")
    return json.dumps({name: encode(value.get(name)) for name in names}, sort_keys=True).encode()


def _check_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise Unavailable("time is up")
