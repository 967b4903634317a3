"""The public API, put together as the function's environment says."""

from collections.abc import Mapping

import contract
from public import atlas
from public.api import Api
from runtime.aws import Client
from runtime.telemetry import Telemetry
from storage.shipments import ShipmentStore
from storage.updates import UpdateStore


def make_api(environment: Mapping[str, str]) -> Api:
    """The API as its environment variables say: without a table, it shows no shipments, and without one of references
    none by a carrier's bare number.

    Raises KeyError for another one that is missing.
    """
    region, name = environment[contract.REGION], environment[contract.ENVIRONMENT]
    telemetry = Telemetry(name)
    client = Client("dynamodb", region)
    client.trace = telemetry.trace_call
    table = environment.get(contract.TABLE_NAME)
    if table:
        # A function that starts has a whole CPU, and one that answers has a part of it.
        atlas.load()
    return Api(
        store=UpdateStore(client, table, name) if table else None,
        records=ShipmentStore(
            client,
            environment[contract.SHIPMENTS_TABLE],
            references=environment.get(contract.REFERENCES_TABLE, ""),
        )
        if table
        else None,
        environment=name,
        region=region,
        telemetry=telemetry,
    )
