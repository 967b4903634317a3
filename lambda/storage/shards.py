"""The shards of the status index, over which the updates with one status spread.

The index's key is the attribute `status`. In shard 0 it is the bare status, in shard 3 it is `in_transit#3`. So
the index stays as it is when the number of shards changes, and updates lie in shards that every later number
has too, as long as the readers look into as many as were ever written.
"""

import zlib
from typing import Any, NamedTuple

import contract
from storage.attributes import AttributeValue, Item, decode_item, encode

_MARK = "#"


class Shards(NamedTuple):
    """How many shards new updates go to, and how many may hold updates."""

    written: int = 1
    read: int = 1


def shard_of(tracking_id: str, timestamp: int | str, shards: int) -> int:
    """The shard of an update among `shards`; that of one shipment's updates differ, so a busy one spreads too."""
    return zlib.crc32(f"{timestamp} {tracking_id}".encode()) % shards


def index_key(status: str, shard: int) -> AttributeValue:
    """The index's key of the updates with a status in a shard."""
    return encode(f"{status}{_MARK}{shard}" if shard else status)


def in_shard(item: Item, shards: int) -> Item:
    """`item` of an update, with the bare status, as it is stored among `shards`."""
    shard = shard_of(item["tracking_id"]["S"], item["timestamp"]["N"], shards)
    return {**item, contract.STATUS_KEY: index_key(item[contract.STATUS_KEY]["S"], shard)}


def decode_update(item: Item) -> dict[str, Any]:
    """The members of an update's item, or some of them, with the bare status."""
    update = decode_item(item)
    if isinstance(key := update.get(contract.STATUS_KEY), str):
        update[contract.STATUS_KEY] = key.partition(_MARK)[0]
    return update
