"""Writes the records of shipments, from whatever part of their updates is at hand."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Any

from shipments.deadlines import Deadlines, Watch
from shipments.shipment import Shipment, StoredUpdate
from storage.attributes import encode
from storage.shipments import Record, decode_record, encode_record, encode_reference


class Records:
    """The tables of updates, of shipments and of references; for many threads. Every method raises botocore's errors.

    Args:
        client: a boto3 client of DynamoDB.
        updates: the name of one table.
        shipments: that of another.
        references: that of the last.
        shards: over how many the indexes spread.
        deadlines: by which each record that is written is armed.
    """

    def __init__(
        self,
        client: Any,
        *,
        updates: str,
        shipments: str,
        references: str,
        shards: int,
        deadlines: Deadlines,
    ) -> None:
        self._client = client
        self._updates = updates
        self._shipments = shipments
        self._references = references
        self._shards = shards
        self._deadlines = deadlines

    def add(self, updates: Sequence[StoredUpdate]) -> int:
        """Adds updates of one shipment to its record, and returns how many came late: after a newer one.

        Others may do the same with any updates of the shipment at the same time, and it may be done again. It takes
        two calls, or one if the record has them already, and one more for each further change of status: the stream
        tells of each, and for each reference that the record has not.
        """
        found, late = self.read(updates[0].tracking_id), 0
        for _, run in groupby(updates, key=attrgetter("status")):
            found, more = self._add(list(run), found)
            late += more
        return late

    def _add(self, updates: Sequence[StoredUpdate], found: Record | None) -> tuple[Record, int]:
        """The record with `updates`, and how many came late; what is stale in `found` fails when it is written."""
        tracking_id = updates[0].tracking_id
        while True:
            late, shipment = 0, found and found.shipment
            for update in updates:
                late += shipment is not None and update.timestamp < shipment.last_update
                shipment = shipment.add(update) if shipment else Shipment.of(update)
            assert shipment is not None  # noqa: S101 (for the type checker)
            if shipment.since is None:
                shipment = replace(shipment, since=self._first_after(tracking_id, shipment.before))
            if found and self.holds(found, shipment):
                return found, late
            record = self._armed(shipment, found)
            there = self.put(record, found)
            if there is None:
                return record, late
            found = there

    def read(self, tracking_id: str) -> Record | None:
        """The record of a shipment, if there is one; it may be stale by a moment."""
        answer = self._client.get_item(TableName=self._shipments, Key={"tracking_id": encode(tracking_id)})
        return decode_record(answer["Item"]) if "Item" in answer else None

    def holds(self, found: Record, shipment: Shipment) -> bool:
        """Whether a record says this already and is armed, which by another release or setting it may not be."""
        armed = self._deadlines.arm(found.shipment, found.watch, _now())
        return (shipment, armed) == (found.shipment, found.watch)

    def write(self, shipment: Shipment, found: Record | None, *, rebuilt: bool = False) -> Record | None:
        """Puts a record, armed, in the place of the one that was found; returns the one that is there by now instead.

        Of one that is `rebuilt` nobody is told, so what has passed for it is declared at once.
        """
        return self.put(self._armed(shipment, found, rebuilt=rebuilt), found)

    def _armed(self, shipment: Shipment, found: Record | None, *, rebuilt: bool = False) -> Record:
        arm = self._deadlines.look_at_all if rebuilt else self._deadlines.arm
        watch = arm(shipment, found.watch if found else Watch(), _now())
        return Record(shipment, next_version(found), rebuilt, watch)

    def put(self, record: Record, found: Record | None) -> Record | None:
        """Puts a record as it is; otherwise as `write`."""
        # References come first: whoever does not get to the record writes them again.
        known = found.shipment.references if found else []
        for reference in record.shipment.references:
            if reference not in known:
                item = encode_reference(reference, record.shipment.tracking_id)
                self._client.put_item(TableName=self._references, Item=item)
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(tracking_id)"}
        if found:
            condition = {
                "ConditionExpression": "version = :version",
                "ExpressionAttributeValues": {":version": encode(found.version)},
            }
        try:
            self._client.put_item(
                TableName=self._shipments,
                Item=encode_record(record, self._shards),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            if "Item" in error.response:
                return decode_record(error.response["Item"])
            return self.put(record, None)  # somebody deleted it
        return None

    def _first_after(self, tracking_id: str, before: int) -> int:
        answer = self._client.query(
            TableName=self._updates,
            KeyConditionExpression="tracking_id = :id AND #timestamp > :before",
            ProjectionExpression="#timestamp",
            ExpressionAttributeNames={"#timestamp": "timestamp"},
            ExpressionAttributeValues={":id": encode(tracking_id), ":before": encode(before)},
            ConsistentRead=True,
            Limit=1,
        )
        return int(answer["Items"][0]["timestamp"]["N"])


def next_version(found: Record | None) -> int:
    """That of what takes the place of a record: greater than its own, and about ms since the epoch."""
    return max(found.version + 1 if found else 0, _now())


def _now() -> int:
    return int(time.time() * 1000)
