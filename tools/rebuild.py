"""`python -m tools.rebuild [--dry-run] [--units N]`: makes the records of all shipments anew from their histories.

It works beside the projector, and can be interrupted: the next run goes on where it was. For each shipment that a scan
of the table of updates comes by, the history is compared with the record:

- A record that says what the history says stays as it is.
- A record that says something else is written anew from the whole history. Subscribers are told if its status changes.
- A record that is missing is made from the updates that arrived more than 24 hours ago, and nobody is told of it. What
  arrived since is still in the table's stream, and is the projector's to add and the notifier's to tell; a shipment
  that has nothing else is left to them.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from functools import reduce
from itertools import groupby
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import contract
from projector.records import Records
from shipments.deadlines import Deadlines
from shipments.shipment import Shipment, StoredUpdate
from stacks.settings import Settings, SettingsError, load_settings
from storage.attributes import ForeignItem, Item, encode
from storage.updates import decode_stored
from tools.failures import explain
from tools.toolchain import ROOT

#: Updates that a call of the scan reads; DynamoDB ends it after 1 MB, which is 128 read units.
PAGE = 1000
#: Read units a second.
UNITS = 100
#: For so long a stream keeps what came into it ("Change data capture for DynamoDB Streams").
DAY_SECONDS = 24 * 60 * 60
#: Seconds between two lines that say how far it is.
SECONDS_BETWEEN = 10.0
#: What is counted: all shipments that were seen, and what became of their records.
COUNTS = ("shipments", "unchanged", "corrected", "added", "left to the projector", "foreign items")
_READS = {"GetItem", "Query", "Scan"}


class Pace:
    """Makes a client of DynamoDB wait before each call, so that on average it reads at most `units` a second."""

    def __init__(self, client: Any, units: float) -> None:
        self._units = units
        self._free_at = time.monotonic()
        #: Read units since it began.
        self.used = 0.0
        client.meta.events.register("provide-client-params.dynamodb", self._wait)
        client.meta.events.register("after-call.dynamodb", self._charge)

    def _wait(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any] | None:
        if model.name not in _READS:
            return None
        time.sleep(max(0.0, self._free_at - time.monotonic()))
        return {**params, "ReturnConsumedCapacity": "TOTAL"}

    def _charge(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in _READS:
            units = parsed.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
            self.used += units
            self._free_at = max(self._free_at, time.monotonic()) + units / self._units


class Rebuild:
    """Rebuilds the records of an environment, and prints what it does. Raises botocore's errors.

    Args:
        units: read units a second, of both tables together.
        dry_run: only count what would be written; every run begins anew.
    """

    def __init__(self, settings: Settings, *, units: float = UNITS, dry_run: bool = False) -> None:
        region, environment = settings.region, settings.environment
        self._client = boto3.client("dynamodb", region_name=region)
        self._pace = Pace(self._client, units)
        self._table = f"tracking-data-{environment}"
        self._dry_run = dry_run
        # Those that are read: a greater number that is wanted may not be deployed yet.
        shards = boto3.client("ssm", region_name=region).get_parameter(
            Name=contract.SHARDS_PARAMETER.format(environment=environment)
        )["Parameter"]["Value"]
        self._records = Records(
            self._client,
            updates=self._table,
            shipments=f"tracking-shipments-{environment}",
            references=f"tracking-references-{environment}",
            shards=int(shards),
            deadlines=Deadlines(settings.shipments.stalled_after_hours),
        )
        self._file = ROOT / "build" / f"rebuild-{environment}-{region}.json"
        self._arn = self._client.describe_table(TableName=self._table)["Table"]["TableArn"]
        #: The last item of the last shipment that is done with.
        self._position: Item = {}
        self._counts: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        """Returns the numbers of COUNTS, those of interrupted runs included."""
        self._resume()
        said_at = time.monotonic()
        try:
            for tracking_id, items in groupby(self._scan(), lambda item: item["tracking_id"]["S"]):
                self._rebuild(tracking_id, items)
                if time.monotonic() >= said_at + SECONDS_BETWEEN:
                    said_at = time.monotonic()
                    print(f"  {self._said()}", flush=True)
        finally:
            self._save()
        if not self._dry_run:
            self._file.unlink(missing_ok=True)
        print(f"{self._table}: {self._said()}{' Nothing was written.' if self._dry_run else ''}")
        return self._counts

    def _scan(self) -> Iterator[Item]:
        """What the table has behind the position: each shipment's updates together, in the order of their time."""
        start = {"ExclusiveStartKey": self._position} if self._position else {}
        while True:
            page = self._client.scan(TableName=self._table, Limit=PAGE, **start)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
            self._save()

    def _rebuild(self, tracking_id: str, items: Iterable[Item]) -> None:
        whole: Shipment | None = None
        old: Shipment | None = None
        a_day_ago = time.time() - DAY_SECONDS
        for item in items:
            key = {name: item[name] for name in ("tracking_id", "timestamp")}
            try:
                update = decode_stored(item)
            except ForeignItem:
                print(f"  {tracking_id}: the item at {item['timestamp']['N']} is not an update.", flush=True)
                self._counts["foreign items"] += 1
                continue
            whole = _add(whole, update)
            if _arrived_before(item, a_day_ago):
                old = _add(old, update)
        if whole:
            try:
                self._counts[self._settle(whole, old)] += 1
            except ForeignItem:
                print(f"  {tracking_id}: its record is none; delete it and run this again.", flush=True)
                self._counts["foreign items"] += 1
        self._counts["shipments"] += 1
        self._position = key

    def _settle(self, seen: Shipment, old: Shipment | None) -> str:
        """Has the record of a shipment say what its history says, and returns what that took.

        Args:
            seen: the history, as the scan saw it a moment ago.
            old: that of more than 24 hours ago, which does not change any more.
        """
        found = self._records.read(seen.tracking_id)
        if found is None:
            if old is None:
                return "left to the projector"
            found = None if self._dry_run else self._records.write(old, None, rebuilt=True)
            if found is None:
                return "added"
        if self._records.holds(found, seen):
            return "unchanged"
        while True:
            # Read after the record: whatever the projector adds from now on changes the record's version.
            shipment = self._fold(seen.tracking_id)
            if self._records.holds(found, shipment):
                return "unchanged"
            lost_to = None if self._dry_run else self._records.write(shipment, found)
            if lost_to is None:
                return "corrected"
            found = lost_to

    def _fold(self, tracking_id: str) -> Shipment:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="tracking_id = :id",
            ExpressionAttributeValues={":id": encode(tracking_id)},
            ConsistentRead=True,
        )
        shipment = reduce(_add, _updates(item for page in pages for item in page["Items"]), None)
        assert shipment is not None  # noqa: S101 (for the type checker; the scan saw an update)
        return shipment

    def _said(self) -> str:
        numbers = {**{name: self._counts[name] for name in COUNTS}, "read units": round(self._pace.used)}
        return ", ".join(f"{number:,} {name}" for name, number in numbers.items()) + "."

    def _resume(self) -> None:
        if self._dry_run or not self._file.is_file():
            return
        progress = json.loads(self._file.read_bytes())
        if progress["table"] == self._arn:
            self._position, self._counts = progress["position"], Counter(progress["counts"])
            self._pace.used = progress["units"]
            print(
                f"Goes on where it was; delete {self._file.relative_to(ROOT)} to begin anew. So far: {self._said()}"
            )

    def _save(self) -> None:
        if self._dry_run or not self._position:
            return
        progress = {
            "table": self._arn,
            "position": self._position,
            "counts": self._counts,
            "units": self._pace.used,
        }
        self._file.parent.mkdir(exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(progress), encoding="utf-8")
        new.replace(self._file)


def _add(shipment: Shipment | None, update: StoredUpdate) -> Shipment:
    return shipment.add(update) if shipment else Shipment.of(update)


def _updates(items: Iterable[Item]) -> Iterator[StoredUpdate]:
    """Those of the items that are updates."""
    for item in items:
        try:
            yield decode_stored(item)
        except ForeignItem:
            continue


def _arrived_before(item: Item, moment: float) -> bool:
    """Whether an update arrived before `moment`, in seconds since the epoch; also if nothing says when it did."""
    match item:
        case {"arrived_at": {"N": milliseconds}}:
            return Decimal(milliseconds) < moment * 1000
        case {"created_at": {"S": text}}:
            return str(text) < time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))
    return True


def _positive(text: str) -> float:
    with suppress(ValueError):
        if (number := float(text)) > 0:
            return number
    raise argparse.ArgumentTypeError(f"must be a number above 0, and is {text}")


def main() -> None:
    """Raises SystemExit with one plain sentence for what goes wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.rebuild", description=__doc__)
    parser.add_argument(
        "--dry-run", action="store_true", help="count what would be written, and write nothing"
    )
    parser.add_argument("--units", type=_positive, default=UNITS, help="read units a second (%(default)s)")
    chosen = parser.parse_args()
    try:
        settings = load_settings(ROOT / "cdktf.json", os.environ)
        Rebuild(settings, units=chosen.units, dry_run=chosen.dry_run).run()
    except (BotoCoreError, ClientError, SettingsError) as error:
        sys.exit(f"Error: {explain(str(error)) or error}")
    except KeyboardInterrupt:
        sys.exit("Stopped." if chosen.dry_run else "Stopped; `make rebuild` goes on where it was.")


if __name__ == "__main__":
    main()
