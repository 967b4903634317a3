"""`make simulate`: what a table with the status index takes of a stream of updates; writes a table of docs/scale.md.

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
- An update is at most 1 KB: one unit for the table and one for the index. A refused update is not retried.

The load is an assumption: a shipment has 7 scans, one of them `pending`, one `delivered`, and 2 % of the updates are
`failed`; how often a shipment is scanned follows Zipf's law, the n-th with a weight of n^-0.8, of 100,000.
"""

import random
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import accumulate, product
from typing import Final

from storage.attributes import encode_item
from storage.shards import in_shard
from tools.generated import fill, table
from tools.toolchain import ROOT

DOCUMENT = ROOT / "docs/scale.md"
RATES = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
SHARDS = (1, 2, 4, 8, 16)

#: Write units a second.
PARTITION_LIMIT: Final = 1_000
STATUSES: Final[Mapping[str, float]] = {
    "in_transit": 0.70,
    "pending": 0.14,
    "delivered": 0.14,
    "failed": 0.02,
}
SHIPMENTS: Final = 100_000
SECONDS: Final = 5
EXPONENT: Final = 0.8
START: Final = 1_700_000_000_000

#: Updates a second that are stored, by those offered and the number of shards.
Results = Mapping[tuple[int, int], float]


def accepted(rate: int, shards: int, *, shipments: int = SHIPMENTS) -> float:
    """Updates a second that are stored of `rate` offered; the same for the same arguments."""
    chance = random.Random(1)  # noqa: S311 (a load, no secret)
    weights = list(accumulate(rank**-EXPONENT for rank in range(1, shipments + 1)))
    stored = 0
    for second in range(SECONDS):
        partitions: Counter[str] = Counter()
        index_partitions: Counter[str] = Counter()
        ranks = chance.choices(range(1, shipments + 1), cum_weights=weights, k=rate)
        statuses = chance.choices(list(STATUSES), list(STATUSES.values()), k=rate)
        for number, (rank, status) in enumerate(zip(ranks, statuses, strict=True)):
            timestamp = START + second * 1_000 + number * 1_000 // rate
            update = {"tracking_id": f"SHIP-{rank}", "timestamp": timestamp, "status": status}
            item = in_shard(encode_item(update), shards)
            key, index_key = item["tracking_id"]["S"], item["status"]["S"]
            if partitions[key] < PARTITION_LIMIT and index_partitions[index_key] < PARTITION_LIMIT:
                partitions[key] += 1
                index_partitions[index_key] += 1
                stored += 1
    return stored / SECONDS


def simulate() -> Results:
    """The results for each of RATES and of SHARDS."""
    cases = list(product(RATES, SHARDS))
    with ProcessPoolExecutor() as pool:
        return dict(zip(cases, pool.map(accepted, *zip(*cases, strict=True)), strict=True))


def describe(results: Results) -> str:
    """The results as Markdown: what is stored, and what part of the offered updates is refused."""
    rows = [
        [f"{rate:,}", *(f"{results[rate, n]:,.0f} ({1 - results[rate, n] / rate:.0%})" for n in SHARDS)]
        for rate in RATES
    ]
    return table(["offered a second", *(f"{n} shard{'s' * (n > 1)}" for n in SHARDS)], rows)


def main() -> None:
    """Writes the results, and prints them."""
    text = describe(simulate())
    fill(DOCUMENT, {"simulation": text})
    print(text)


if __name__ == "__main__":
    main()
