"""What a table with the status index takes of a stream of updates, second by second.

The model is DynamoDB at its best, long after it has adapted to the load, so what it throttles no waiting cures:

- Each key of the table, and each of the index, has a partition of its own: DynamoDB isolates what is accessed often
  (developer guide, "DynamoDB burst and adaptive capacity").
- A partition takes 1,000 write units a second, of the table and of the index alike (developer guide, "Designing
  partition keys to distribute your workload in DynamoDB"). Unused capacity does not lift that limit (AWS Knowledge
  Center, "How does DynamoDB handle spiky workloads in short intervals?"). Here it is counted for each second.
- The updates of a key of the index come in the order of its range key, time, so a split of the partition would
  leave all new ones on one side.
- An update that the index cannot take is refused for the table too (developer guide, "Understanding Global
  Secondary Index (GSI) write throttling and back pressure in DynamoDB").
- An update is at most 1 KB: one unit for the table and one for the index. Who is refused does not try again.

The load is an assumption: a shipment has 7 scans, one of them `pending`, one `delivered`, and 2 % of the updates are
`failed`; how often a shipment is scanned follows Zipf's law, the n-th with a weight of n^-0.8, of 100,000.
"""

import random
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

from storage.attributes import AttributeValue, Item, encode
from storage.shards import in_shard

#: Write units a second.
PARTITION_LIMIT: Final = 1_000
STATUSES: Final[Mapping[str, float]] = {
    "in_transit": 0.70,
    "pending": 0.14,
    "delivered": 0.14,
    "failed": 0.02,
}
_SHIPMENTS: Final = 100_000
_EXPONENT: Final = 0.8
_START: Final = 1_700_000_000_000

_weights = list(accumulate(rank**-_EXPONENT for rank in range(1, _SHIPMENTS + 1)))
_keys = [encode(f"SHIP-{rank}") for rank in range(_SHIPMENTS)]
_statuses = [encode(status) for status in STATUSES]


def accepted(rate: int, shards: int, *, seconds: int = 5, seed: int = 1) -> float:
    """Updates a second that are stored of `rate` offered; the same for the same arguments."""
    chance = random.Random(seed)  # noqa: S311 (a load, no secret)
    stored = 0
    for second in range(seconds):
        table: Counter[str] = Counter()
        index: Counter[str] = Counter()
        shipments = chance.choices(_keys, cum_weights=_weights, k=rate)
        statuses = chance.choices(_statuses, list(STATUSES.values()), k=rate)
        for number, (shipment, status) in enumerate(zip(shipments, statuses, strict=True)):
            timestamp = {"N": str(_START + second * 1_000 + number * 1_000 // rate)}
            item = in_shard(_item(shipment, timestamp, status), shards)
            key, index_key = item["tracking_id"]["S"], item["status"]["S"]
            if table[key] < PARTITION_LIMIT and index[index_key] < PARTITION_LIMIT:
                table[key] += 1
                index[index_key] += 1
                stored += 1
    return stored / seconds


def _item(shipment: AttributeValue, timestamp: AttributeValue, status: AttributeValue) -> Item:
    return {"tracking_id": shipment, "timestamp": timestamp, "status": status}
