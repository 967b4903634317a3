"""The sweep, put together as the function's environment says."""

import json
from collections.abc import Mapping

import contract
from deadlines.sweep import Sweep
from projector.records import Records
from runtime.sdk import make_client
from runtime.telemetry import Telemetry
from shipments.deadlines import Deadlines
from storage.due_index import DueIndex


def make_sweep(environment: Mapping[str, str]) -> Sweep:
    """The sweep as its environment variables say. Raises KeyError for one that is missing."""
    client = make_client("dynamodb", environment[contract.REGION])
    table = environment[contract.SHIPMENTS_TABLE]
    deadlines = Deadlines(json.loads(environment[contract.STALLED_AFTER_HOURS]))
    return Sweep(
        index=DueIndex(client, table, shards=int(environment[contract.STATUS_INDEX_SHARDS_READ])),
        records=Records(
            client,
            updates=environment[contract.TABLE_NAME],
            shipments=table,
            references=environment[contract.REFERENCES_TABLE],
            shards=int(environment[contract.STATUS_INDEX_SHARDS]),
            deadlines=deadlines,
        ),
        deadlines=deadlines,
        telemetry=Telemetry(environment[contract.ENVIRONMENT]),
    )
