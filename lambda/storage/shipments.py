"""The table of shipments: one item a shipment, its record, and the index of those that have a status now."""

from dataclasses import fields
from typing import Any, NamedTuple

import contract
from contract.routes import MAX_TIME
from shipments.deadlines import Watch, is_overdue, is_stalled
from shipments.page import Page, Position
from shipments.shipment import Shipment
from shipments.tracking_id import normalize
from storage.attributes import ForeignItem, Item, encode, encode_item
from storage.dynamodb import call_dynamodb
from storage.shards import Shards, decode_update, index_key, shard_of
from storage.status_index import StatusIndex

#: The attribute that grows with each write.
_VERSION = "version"
#: The attribute of a record that `make rebuild` made, of which nobody is told.
_REBUILT = "rebuilt"


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
        """What a caller is told."""
        members = {
            **vars(self.shipment),
            "previous_status": self.shipment.previous_status,
            "stalled": self.stalled,
            "overdue": self.overdue,
        }
        del members["newest"]
        return {**members, _VERSION: self.version}


def encode_record(record: Record, shards: int) -> Item:
    """The item of a record, in the indexes among `shards`."""
    shipment = record.shipment
    watched = {name: time for name, time in record.watch._asdict().items() if time is not None}
    item = encode_item(
        {
            **vars(shipment),
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


def decode_record(item: Item) -> Record:
    """The record that an item is. Raises ForeignItem."""
    members = decode_update(item)
    try:
        # What a later release has added is left out.
        shipment = Shipment(**{field.name: members[field.name] for field in fields(Shipment)})
        watch = Watch(**{name: members.get(name) for name in Watch._fields})
        return Record(shipment, members[_VERSION], members.get(_REBUILT, False), watch)
    except KeyError:
        raise ForeignItem from None


class ShipmentStore:
    """Reads records; for many threads. Every method raises Unavailable."""

    def __init__(self, client: Any, table: str, shards: Shards) -> None:
        self._client = client
        self._table = table
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
