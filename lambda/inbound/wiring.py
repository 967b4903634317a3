"""The inbound function, put together as its environment says."""

import json
from collections.abc import Mapping

import contract
from inbound.api import Api, Source
from inbound.quarantine import Quarantine
from inbound.secrets import Secrets
from runtime.aws import Client
from runtime.sdk import make_client
from runtime.telemetry import Telemetry
from storage.shards import Shards
from storage.updates import UpdateStore


def make_api(environment: Mapping[str, str]) -> Api:
    """The API as its environment variables say. Raises KeyError for one that is missing."""
    region = environment[contract.REGION]
    telemetry = Telemetry(environment[contract.ENVIRONMENT])
    client = Client("dynamodb", region)
    return Api(
        sources={
            name: Source.of(name, chosen)
            for name, chosen in json.loads(environment[contract.INBOUND_SOURCES]).items()
        },
        secrets=Secrets(
            Client("ssm", region, read_timeout=1, attempts=2),
            contract.INBOUND_SECRETS.format(environment=environment[contract.ENVIRONMENT]),
        ),
        updates=UpdateStore(
            client,
            environment[contract.TABLE_NAME],
            environment[contract.ENVIRONMENT],
            Shards(written=int(environment[contract.STATUS_INDEX_SHARDS])),
        ),
        quarantine=Quarantine(make_client("s3", region), environment[contract.QUARANTINE_BUCKET]),
        telemetry=telemetry,
    )
