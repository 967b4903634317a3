"""The tracking API, put together as the function's environment says."""

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import contract
from runtime.aws import make_client
from runtime.settings import SettingsSource
from runtime.telemetry import Telemetry
from storage.shards import Shards
from storage.updates import UpdateStore
from tracking.api import Api

if TYPE_CHECKING:
    from tracking.idempotency import FirstSeen


def make_api(environment: Mapping[str, str]) -> Api:
    """The API as its environment variables say. Raises KeyError for one that is missing."""
    region = environment[contract.REGION]
    telemetry = Telemetry(environment[contract.ENVIRONMENT])
    client = make_client("dynamodb", region)
    settings = SettingsSource(
        make_client("ssm", region, read_timeout=1, attempts=2),
        telemetry,
        flags=environment[contract.FEATURE_FLAGS_PARAM],
        config=environment[contract.CONFIG_PARAM],
    )
    # Before the first request, while Lambda still lends the whole processor.
    settings.current()

    @cache
    def first_seen() -> "FirstSeen":
        from tracking.idempotency import FirstSeen

        return FirstSeen(client, environment[contract.IDEMPOTENCY_TABLE])

    return Api(
        store=UpdateStore(
            client,
            environment[contract.TABLE_NAME],
            environment[contract.ENVIRONMENT],
            Shards(
                written=int(environment[contract.STATUS_INDEX_SHARDS]),
                read=int(environment[contract.STATUS_INDEX_SHARDS_READ]),
            ),
        ),
        settings=settings,
        first_seen=first_seen,
        update_schema=json.loads(contract.UPDATE_SCHEMA.read_text("utf-8")),
        batch_schema=json.loads(contract.BATCH_SCHEMA.read_text("utf-8")),
        telemetry=telemetry,
    )
