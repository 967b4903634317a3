"""The tracking API, put together as the function's environment says."""

from collections.abc import Mapping

import contract
from runtime.aws import Client
from runtime.settings import SettingsSource
from runtime.telemetry import Telemetry
from storage.shards import Shards
from storage.shipments import ShipmentStore
from storage.updates import UpdateStore
from tracking.api import Api
from tracking.idempotency import FirstSeen


def make_api(environment: Mapping[str, str]) -> Api:
    """The API as its environment variables say. Raises KeyError for one that is missing."""
    region = environment[contract.REGION]
    telemetry = Telemetry(environment[contract.ENVIRONMENT])
    client = Client("dynamodb", region)
    parameters = Client("ssm", region, read_timeout=1, attempts=2)
    client.trace = parameters.trace = telemetry.trace_call
    settings = SettingsSource(
        parameters,
        telemetry,
        flags=environment[contract.FEATURE_FLAGS_PARAM],
        config=environment[contract.CONFIG_PARAM],
    )
    # Before the first request, while Lambda still lends the whole processor.
    settings.current()

    shards = Shards(
        written=int(environment[contract.STATUS_INDEX_SHARDS]),
        read=int(environment[contract.STATUS_INDEX_SHARDS_READ]),
    )
    return Api(
        updates=UpdateStore(
            client, environment[contract.TABLE_NAME], environment[contract.ENVIRONMENT], shards
        ),
        shipments=ShipmentStore(
            client,
            environment[contract.SHIPMENTS_TABLE],
            shards,
            references=environment[contract.REFERENCES_TABLE],
        ),
        settings=settings,
        first_seen=FirstSeen(client, environment[contract.IDEMPOTENCY_TABLE]),
        telemetry=telemetry,
    )
