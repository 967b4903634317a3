"""The table of shipments: one item a shipment, its record, and the index of those that have a status now."""

from dataclasses import MISSING, Field, fields
from typing import Any, NamedTuple

import contract
from contract.routes import MAX_TIME
from shipments.deadlines import Watch, is_overdue, is_stalled
from shipments.errors import Ambiguous
from shipments.page import Page, Position
from shipments.shipment import Shipment
from shipments.tracking_id import is_of_carrier, normalize
from storage.attributes import ForeignItem, Item, encode, encode_item
from storage.dynamodb import call_dynamodb
from storage.shards import Shards, decode_update, index_key, shard_of
from storage.status_index import StatusIndex, check_time, find

#: The attribute that grows with each write.
_VERSION = "version"
#: The attribute of a record that `make rebuild` made, of which nobody is told.
_REBUILT = "rebuilt"
_ONE_SHARD = Shards()


class Record(NamedTuple):
    """A shipment as it is stored."""

    shipment: Shipment
    version: int
    """Greater with each write, also after the table was made anew: about ms since the epoch."""
    rebuilt: bool = False
    """Made from a history that is older than the record, so it is no news."""
    watch: Watch = Watch()

    @property
    def stalled(self) -> bool:
        """Whether it has not moved for too long."""
        return is_stalled(self.shipment, self.watch)

    @property
    def overdue(self) -> bool:
        """Whether it should have been delivered by now."""
        return is_overdue(self.shipment, self.watch)

    @property
    def visible(self) -> dict[str, Any]:
        """What a caller is told; the location is as it was sent."""
        members = {
            **vars(self.shipment),
            "previous_status": self.shipment.previous_status,
            "stalled": self.stalled,
            "overdue": self.overdue,
        }
        for name in ("newest", "carrier_at", "estimated_at"):
            del members[name]
        return {**members, _VERSION: self.version}


def encode_record(record: Record, shards: int) -> Item:
    """The item of a record, in the indexes among `shards`."""
    shipment = record.shipment
    watched = {name: time for name, time in record.watch._asdict().items() if time is not None}
    item = encode_item(
        {
            # What no update told takes no room, and is not there in the record of an earlier release.
            **{name: value for name, value in vars(shipment).items() if value not in (None, [])},
            **watched,
            _VERSION: record.version,
            **({_REBUILT: True} if record.rebuilt else {}),
        }
    )
    shard = shard_of(shipment.tracking_id, 0, shards)
    sparse = {
        contract.DUE_INDEX: record.watch.due is not None,
        contract.STALLED_INDEX: record.stalled,
        contract.OVERDUE_INDEX: record.overdue,
    }
    return {
        **item,
        contract.STATUS_KEY: index_key(shipment.status, shard),
        **{index.key: index_key(index.key, shard) for index, there in sparse.items() if there},
    }


def encode_reference(reference: str, tracking_id: str) -> Item:
    """The item that says that a shipment has a reference."""
    return encode_item({"reference": reference, "tracking_id": tracking_id})


def decode_record(item: Item) -> Record:
    """The record that an item is. Raises ForeignItem."""
    members = decode_update(item)
    try:
        # What a later release has added is left out, and what it has not written is not there.
        known = {
            field.name: members[field.name]
            for field in fields(Shipment)
            if field.name in members or _is_required(field)
        }
        watch = Watch(**{name: members.get(name) for name in Watch._fields})
        return Record(Shipment(**known), members[_VERSION], members.get(_REBUILT, False), watch)
    except KeyError:
        raise ForeignItem from None


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


class ShipmentStore:
    """Reads records; for many threads. Every method raises Unavailable.

    Args:
        references: the table with an item for each reference and shipment that has it, for those who look into it.
    """

    def __init__(self, client: Any, table: str, shards: Shards = _ONE_SHARD, *, references: str = "") -> None:
        self._client = client
        self._table = table
        self._references = references
        self._index = StatusIndex(client, table, time=contract.STATUS_SINCE, shards=shards.read)
        self._sparse = {
            index.key: StatusIndex(
                client, table, time=index.time, shards=shards.read, name=index.name, key=index.key
            )
            for index in (contract.STALLED_INDEX, contract.OVERDUE_INDEX)
        }

    def get(self, tracking_id: str) -> Record | None:
        """The record of a shipment, which follows its updates within seconds; half a read unit.

        If there is none under `tracking_id` as it is spelled, it is that under its normal form.
        """
        for spelling in dict.fromkeys((tracking_id, normalize(tracking_id))):
            answer = spelling and call_dynamodb(
                self._client.get_item, TableName=self._table, Key={"tracking_id": encode(spelling)}
            )
            if answer and "Item" in answer:
                return decode_record(answer["Item"])
        return None

    def with_status(
        self,
        status: str,
        *,
        limit: int,
        deadline: float,
        after: Position | None = None,
        oldest_first: bool = False,
    ) -> Page:
        """The shipments that have a status now, by the time since when they have it; see StatusIndex.page.

        Those that are `contract.STALLED` or OVERDUE are listed too, by the time since when they have not moved or
        should have arrived.
        """
        return self._sparse.get(status, self._index).page(
            status,
            0,
            MAX_TIME,
            limit=limit,
            deadline=deadline,
            after=after,
            oldest_first=oldest_first,
            decode=decode_record,
        )

    def with_reference(
        self, reference: str, *, limit: int, deadline: float, after: Position | None = None
    ) -> Page:
        """The shipments that have a reference, by their tracking ids; two calls."""
        start: dict[str, Any] = {}
        if after:
            start = {"ExclusiveStartKey": encode_reference(reference, after.tracking_id)}
        check_time(deadline)
        found = find(
            self._client,
            self._references,
            limit,
            oldest_first=True,
            KeyConditionExpression="#reference = :reference",
            ExpressionAttributeNames={"#reference": "reference"},
            ExpressionAttributeValues={":reference": encode(reference)},
            **start,
        )
        ids = [item["tracking_id"]["S"] for item in found.items[:limit]]
        records = self._get_all(ids, deadline)
        # A reference is written before the record that has it.
        items = [records[tracking_id] for tracking_id in ids if tracking_id in records]
        more = found.more or len(found.items) > limit
        return Page(items, [Position(tracking_id, 0) for tracking_id in ids], more)

    def of_carrier(self, number: str) -> str | None:
        """The tracking id of the shipment that is CARRIER:NUMBER, if there is one among those with that reference.

        It is not looked for among those whose tracking id ends otherwise: an order's number is easily guessed. Of a
        reference that thousands of shipments have, the first MB is looked at. Raises Ambiguous.
        """
        number = normalize(number)
        if not (self._references and number):
            return None
        answer = call_dynamodb(
            self._client.query,
            TableName=self._references,
            KeyConditionExpression="#reference = :reference",
            ExpressionAttributeNames={"#reference": "reference"},
            ExpressionAttributeValues={":reference": encode(number)},
        )
        ids = [item["tracking_id"]["S"] for item in answer["Items"]]
        ids = [tracking_id for tracking_id in ids if is_of_carrier(tracking_id, number)]
        if len(ids) > 1:
            raise Ambiguous(ids)
        return ids[0] if ids else None

    def _get_all(self, ids: list[str], deadline: float) -> dict[str, Record]:
        """The records that there are, of up to 100 shipments."""
        records: dict[str, Record] = {}
        wanted: Any = {self._table: {"Keys": [{"tracking_id": encode(tracking_id)} for tracking_id in ids]}}
        # DynamoDB gives a part of them if they are many, or if it throttles the rest; an error if it throttles all.
        while ids and wanted:
            check_time(deadline)
            answer = call_dynamodb(self._client.batch_get_item, RequestItems=wanted)
            for item in answer["Responses"].get(self._table, []):
                records[item["tracking_id"]["S"]] = decode_record(item)
            wanted = answer.get("UnprocessedKeys")
        return records
