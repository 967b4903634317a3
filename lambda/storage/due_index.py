"""The index of the shipments that have to be looked at, by when."""

from collections.abc import Iterator
from heapq import merge
from operator import attrgetter
from typing import Any, NamedTuple

from contract import DUE_INDEX
from storage.attributes import encode
from storage.shards import index_key


class Due(NamedTuple):
    """A shipment, and when it has to be looked at: ms since the epoch."""

    tracking_id: str
    time: int


class DueIndex:
    """Reads the index of a table of shipments, with a boto3 client of DynamoDB, whose errors it raises.

    Args:
        shards: how many there may be.
    """

    def __init__(self, client: Any, table: str, *, shards: int) -> None:
        self._pages = client.get_paginator("query")
        self._table, self._shards = table, shards

    def until(self, now: int) -> Iterator[Due]:
        """What is due at `now`, in ms since the epoch, the longest due first; each page of 1 MB is read when needed."""
        return merge(*(self._shard(shard, now) for shard in range(self._shards)), key=attrgetter("time"))

    def _shard(self, shard: int, now: int) -> Iterator[Due]:
        pages = self._pages.paginate(
            TableName=self._table,
            IndexName=DUE_INDEX.name,
            KeyConditionExpression="#key = :key AND #time <= :now",
            ExpressionAttributeNames={"#key": DUE_INDEX.key, "#time": DUE_INDEX.time},
            ExpressionAttributeValues={":key": index_key(DUE_INDEX.key, shard), ":now": encode(now)},
        )
        for page in pages:
            for item in page["Items"]:
                yield Due(item["tracking_id"]["S"], int(item[DUE_INDEX.time]["N"]))
