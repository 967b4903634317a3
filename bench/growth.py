"""What a page, and a sweep, read and write beside few items and beside many: `python -m bench.growth`.

The functions run over the embedded AWS, whose own time is left out. It counts no units: they are counted here as
DynamoDB's developer guide says in "DynamoDB read and write operations" and "Global Secondary Indexes".
"""

import contextlib
import gc
import io
import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from statistics import median
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.config import Config
from moto.dynamodb.models.dynamo_type import DynamoType

import contract
from deadlines.sweep import Sweep
from local.aws import EmbeddedAws
from projector.records import Records
from runtime.aws import Client
from runtime.telemetry import Telemetry
from shipments.deadlines import HOUR, Deadlines, Watch
from shipments.shipment import Shipment
from storage.due_index import DueIndex
from storage.shipments import Record, ShipmentStore, encode_record
from storage.updates import UpdateStore

HISTORIES = (10, 1_000, 100_000)
#: Shipments by the status that they have.
SHIPMENTS = {"pending": 10, "delivered": 1_000, "in_transit": 100_000}
#: Of those in transit, the ones whose time has passed.
DUE = 1_000
STALLED_AFTER_HOURS = {"in_transit": 48}
PAGES = 20
LIMIT = 10
REGION = "us-east-1"
UPDATES, TABLE = "updates", "shipments"
SPARSE = (contract.DUE_INDEX, contract.STALLED_INDEX, contract.OVERDUE_INDEX)
INDEXES = (contract.Index(contract.STATUS_INDEX, contract.STATUS_KEY, contract.STATUS_SINCE), *SPARSE)

Item = dict[str, Any]


def main() -> None:
    """Measure, and print the tables."""
    with EmbeddedAws() as aws:
        os.environ.update(aws.environment(REGION))
        os.environ["POWERTOOLS_METRICS_NAMESPACE"] = contract.NAMESPACE
        show_history()
        records = make_shipments(int(time.time() * 1000))
        show_shipments()
        show_sweep(records)


def show_history() -> None:
    """GET /status, of updates of 1 KB each."""
    _make_table(UPDATES, {"tracking_id": "S", "timestamp": "N"})
    updates = (
        {
            "tracking_id": {"S": f"SHIP-{number}"},
            "timestamp": {"N": str(timestamp)},
            "status": {"S": "in_transit"},
            "metadata": {"M": {"note": {"S": "x" * 1000}}},
        }
        for number in HISTORIES
        for timestamp in range(number)
    )
    _put_all(UPDATES, updates)
    print(f"\nGrowth: GET /status, {LIMIT} updates of a history")
    # A consistent read takes a unit for 4 KB.
    client = _Reader(unit=1)
    store = UpdateStore(client, UPDATES, "bench")
    pages = {number: partial(store.history, f"SHIP-{number}", limit=LIMIT) for number in HISTORIES}
    _show_pages(client, pages)


def make_shipments(now: int) -> dict[str, Item]:
    """The records of all shipments, stored; by their ids. Those that are not due have an hour left, or more."""
    _make_table(TABLE, {"tracking_id": "S"}, INDEXES)
    deadlines = Deadlines(STALLED_AFTER_HOURS)
    records = {}
    for status, number in SHIPMENTS.items():
        for place in range(number):
            last = now - STALLED_AFTER_HOURS["in_transit"] * HOUR + (place + 1 - DUE) * HOUR
            shipment = Shipment(
                tracking_id=f"{status}-{place:06}",
                status=status,
                since=last,
                last_update=last,
                first_update=last,
                newest={status: last},
                location={"lat": 52, "lng": 13},
            )
            # As it was armed when the update came.
            record = Record(shipment, last, watch=deadlines.arm(shipment, Watch(), last))
            records[shipment.tracking_id] = encode_record(record, 1)
    _put_all(TABLE, records.values())
    return records


def show_shipments() -> None:
    """GET /shipments?status=, the newest."""
    print(f"\nGrowth: GET /shipments, {LIMIT} of those that have a status")
    # What an index gives is eventually consistent.
    client = _Reader(unit=0.5)
    store = ShipmentStore(client, TABLE)
    pages = {
        number: partial(store.with_status, status, limit=LIMIT, deadline=math.inf)
        for status, number in SHIPMENTS.items()
    }
    _show_pages(client, pages)


def show_sweep(records: dict[str, Item]) -> None:
    """What the sweep does with the due ones among all that are armed."""
    client = boto3.client("dynamodb", config=Config(read_timeout=60))
    deadlines = Deadlines(STALLED_AFTER_HOURS)
    sweep = Sweep(
        index=DueIndex(client, TABLE, shards=1),
        records=Records(
            client, updates=UPDATES, shipments=TABLE, references="", shards=1, deadlines=deadlines
        ),
        deadlines=deadlines,
        telemetry=Telemetry("bench"),
    )
    calls: Counter[str] = Counter()
    units: defaultdict[str, float] = defaultdict(float)

    def count_writes(params: Item, model: Any, **_: Any) -> None:
        calls[model.name] += 1
        if model.name == "PutItem":
            id = params["Item"]["tracking_id"]["S"]
            units["write units"] += _write_units(records[id], params["Item"])
            records[id] = params["Item"]

    def count_reads(parsed: Item, model: Any, **_: Any) -> None:
        if model.name != "PutItem":
            found = parsed["Items"] if "Items" in parsed else [parsed["Item"]]
            units["read units"] += _read_units(found) / 2

    client.meta.events.register("before-parameter-build.dynamodb", count_writes)
    client.meta.events.register("after-call.dynamodb", count_reads)
    context = SimpleNamespace(aws_request_id="bench", get_remaining_time_in_millis=lambda: 3_600_000)
    number = SHIPMENTS["in_transit"]
    for title in (f"{DUE} of {number} that are armed are due", "none is"):
        calls.clear()
        units.clear()
        started = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):  # the log
            sweep.handle(context)
        cpu = (time.process_time() - started) * 1000
        print(
            f"\nA sweep: {title}  CPU ms {cpu:.0f}",
            *(f"{name} {count:g}" for name, count in {**calls, **units}.items()),
            sep="  ",
        )


class _Reader:
    """DynamoDB's Query, which counts its calls and their units.

    Args:
        unit: half a unit for what is eventually consistent.
    """

    def __init__(self, *, unit: float) -> None:
        self._client, self._unit = Client("dynamodb", REGION, read_timeout=60), unit
        self.units: list[float] = []

    def query(self, **request: Any) -> Item:
        """See DynamoDB."""
        parsed = self._client.call("Query", **request)
        assert parsed["ScannedCount"] == len(parsed["Items"])  # nothing is read but not returned
        self.units.append(_read_units(parsed["Items"]) * self._unit)
        return parsed


def _show_pages(reader: _Reader, pages: Mapping[int, Callable[[], object]]) -> None:
    """What a page takes, by the number of what it is chosen from."""
    gc.collect()
    for number, page in pages.items():
        taken = []
        for _ in range(PAGES):
            reader.units.clear()
            started = time.process_time()
            page()
            cpu = (time.process_time() - started) * 1000
            taken.append((len(reader.units), sum(reader.units), cpu))
        calls, units, cpu = map(median, zip(*taken, strict=True))
        print(f"  of {number:7}  calls {calls:.0f}  read units {units:.1f}  CPU ms {cpu:.2f}")


def _make_table(name: str, keys: dict[str, str], indexes: Sequence[contract.Index] = ()) -> None:
    types = keys | {index.key: "S" for index in indexes} | {index.time: "N" for index in indexes}
    kinds = ("HASH", "RANGE")

    def schema(*names: str) -> list[dict[str, str]]:
        return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=False)]

    boto3.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=schema(*keys),
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in types.items()
        ],
        **{
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": index.name,
                    "KeySchema": schema(index.key, index.time),
                    "Projection": {"ProjectionType": "KEYS_ONLY" if index.keys_only else "ALL"},
                }
                for index in indexes
            ]
        }
        if indexes
        else {},
    )


def _put_all(table: str, items: Iterable[Item]) -> None:
    client = Client("dynamodb", REGION, read_timeout=60)
    rest = iter(items)
    while batch := list(islice(rest, 25)):
        client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in batch]})


def _read_units(items: Sequence[Item]) -> int:
    return max(1, math.ceil(sum(map(_size, items)) / 4096))


def _write_units(old: Item, new: Item) -> int:
    """Of the table, and of each index whose entry becomes another: one for 1 KB, two to move it."""
    units = math.ceil(_size(new) / 1024)
    for index in INDEXES:
        before, after = (_entry(item, index) for item in (old, new))
        if before != after:
            moved = before and after and any(before[name] != after[name] for name in (index.key, index.time))
            units += math.ceil(_size(after or before) / 1024) * (2 if moved else 1)
    return units


def _entry(item: Item, index: contract.Index) -> Item:
    """What an index holds of an item; nothing without the index's keys."""
    if index.key not in item or index.time not in item:
        return {}
    return {name: item[name] for name in ("tracking_id", index.key, index.time)} if index.keys_only else item


def _size(item: Item) -> int:
    return sum(len(name) + DynamoType(value).size() for name, value in item.items())


if __name__ == "__main__":
    main()
