"""A table's index by status: its hash key is `status`, spread over shards, and its range key a time."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from heapq import merge
from itertools import islice, takewhile
from math import inf
from operator import itemgetter
from typing import Any, NamedTuple

import contract
from shipments.errors import Unavailable
from shipments.page import Page, Position
from storage.attributes import Item, encode
from storage.dynamodb import call_dynamodb
from storage.shards import decode_update, index_key

#: Shards that are asked at a time; a client keeps 10 connections.
_WORKERS = 10


class StatusIndex:
    """Lists what has a status; for many threads. Raises Unavailable.

    Args:
        time: the attribute that is the range key, ms since the epoch.
        shards: how many there may be.
        name, key: of another index of the same form, and the attribute that is its hash key.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        time: str,
        shards: int,
        name: str = contract.STATUS_INDEX,
        key: str = contract.STATUS_KEY,
    ) -> None:
        self._client, self._table, self._time, self._shards = client, table, time, shards
        self._name, self._key = name, key

    def page(
        self,
        status: str,
        since: int,
        until: int,
        *,
        limit: int,
        deadline: float,
        after: Position | None = None,
        oldest_first: bool = False,
        decode: Callable[[Item], Any] = decode_update,
    ) -> Page:
        """The newest `limit` with a status, or the oldest ones, or those that come after `after`.

        `since` and `until` are ms since the epoch, both included. What is new appears after a moment. It takes
        a call for each shard, and none begins after `deadline`, on the clock of `time.monotonic`.

        What has one time comes shard by shard, and within a shard in DynamoDB's order, of which nothing is known
        but that it goes on after any item. So a position needs no more than its own shard to hold for all of them.
        """

        def search(shard: int) -> _Found:
            key, start, first, last = index_key(status, shard), {}, since, until
            if after and shard == after.shard:
                place = {self._time: encode(after.timestamp), "tracking_id": encode(after.tracking_id)}
                start = {"ExclusiveStartKey": {self._key: key, **place}}
            elif after and oldest_first:
                first = max(since, after.timestamp + (shard < after.shard))
            elif after:
                last = min(until, after.timestamp - (shard < after.shard))
            if last < first:
                return _Found([], more=False)
            check_time(deadline)
            return find(
                self._client,
                self._table,
                limit,
                oldest_first=oldest_first,
                deadline=deadline,
                IndexName=self._name,
                KeyConditionExpression="#key = :key AND #time BETWEEN :since AND :until",
                ExpressionAttributeNames={"#key": self._key, "#time": self._time},
                ExpressionAttributeValues={":key": key, ":since": encode(first), ":until": encode(last)},
                **start,
            )

        if self._shards == 1:
            found = [search(0)]
        else:
            with ThreadPoolExecutor(_WORKERS) as pool:
                found = list(pool.map(search, range(self._shards)))
        return make_page(limit, found, time=self._time, oldest_first=oldest_first, decode=decode)


class _Found(NamedTuple):
    """Items of a shard, in their order, and whether it may have more."""

    items: list[Item]
    more: bool


def find(
    client: Any,
    table: str,
    limit: int,
    *,
    oldest_first: bool = False,
    deadline: float = inf,
    **query: Any,
) -> _Found:
    """Up to `limit` items, and one more or some, which tell that there are more. Raises Unavailable or Refused.

    It takes a call. With a FilterExpression, which DynamoDB applies to what a call has read, further ones of 1 MB each
    may follow; none begins after `deadline`, on the clock of `time.monotonic`: there may be more of what was found
    by then, and if that is nothing, it raises Unavailable.
    """
    query |= {"TableName": table, "ScanIndexForward": oldest_first}
    response = call_dynamodb(client.query, Limit=limit + 1, **query)
    items = response["Items"]
    while "FilterExpression" in query and "LastEvaluatedKey" in response and len(items) <= limit:
        if not items:
            check_time(deadline)
        elif time.monotonic() > deadline:
            break
        query["ExclusiveStartKey"] = response["LastEvaluatedKey"]
        response = call_dynamodb(client.query, **query)
        items += response["Items"]
    return _Found(items, "LastEvaluatedKey" in response)


def make_page(
    limit: int,
    shards: Sequence[_Found],
    *,
    time: str,
    oldest_first: bool = False,
    decode: Callable[[Item], Any] = decode_update,
) -> Page:
    """The first `limit` of what was found, or fewer: what a shard did not tell may come next."""
    sign = 1 if oldest_first else -1
    runs = []
    for shard, (items, more) in enumerate(shards):
        run: list[tuple[Position, Item | None]] = [
            (Position(item["tracking_id"]["S"], int(item[time]["N"]), shard), item) for item in items
        ]
        runs.append(run + [(place, None) for place, _ in run[-1:] if more])
    # It takes equal ones in the order of the shards.
    merged = merge(*runs, key=lambda entry: sign * entry[0].timestamp)
    entries = list(islice(takewhile(itemgetter(1), merged), limit))
    more = any(found.more for found in shards) or len(entries) < sum(len(found.items) for found in shards)
    return Page([decode(item) for _, item in entries if item], [place for place, _ in entries], more)


def check_time(deadline: float) -> None:
    """Raises Unavailable if `deadline` is over, on the clock of `time.monotonic`."""
    if time.monotonic() > deadline:
        raise Unavailable("time is up")
