"""The public API, put together as the function's environment says."""

import json
from collections.abc import Mapping

import facts
from public import atlas
from public.api import Api
from shipments.clients import make_client
from shipments.store import UpdateStore
from shipments.telemetry import Telemetry


def make_api(environment: Mapping[str, str]) -> Api:
    """The API as its environment variables say: without a table, it shows no shipments.

    Raises KeyError for another one that is missing.
    """
    region, name = environment[facts.REGION], environment[facts.ENVIRONMENT]
    table = environment.get(facts.TABLE_NAME)
    if table:
        # A function that starts has a whole CPU, and one that answers has a part of it.
        atlas.load()
    return Api(
        store=UpdateStore(make_client("dynamodb", region), table, name) if table else None,
        environment=name,
        region=region,
        update_schema=json.loads(facts.UPDATE_SCHEMA.read_text("utf-8")),
        telemetry=Telemetry(name),
    )
