"""The projector, put together as the function's environment says."""

import json
from collections.abc import Mapping

import contract
from projector.projector import make_batches
from projector.records import Records
from runtime.batch import Batches
from runtime.sdk import make_client
from runtime.telemetry import Telemetry
from shipments.deadlines import Deadlines


def make_projector(environment: Mapping[str, str]) -> Batches:
    """The projector as its environment variables say. Raises KeyError for one that is missing."""
    records = Records(
        make_client("dynamodb", environment[contract.REGION]),
        updates=environment[contract.TABLE_NAME],
        shipments=environment[contract.SHIPMENTS_TABLE],
        references=environment[contract.REFERENCES_TABLE],
        shards=int(environment[contract.STATUS_INDEX_SHARDS]),
        deadlines=Deadlines(json.loads(environment[contract.STALLED_AFTER_HOURS])),
    )
    return make_batches(records, Telemetry(environment[contract.ENVIRONMENT]))
