"""The tracking API, put together as the function's environment says."""

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import facts
from shipments.clients import make_client
from shipments.settings import SettingsSource
from shipments.shards import Shards
from shipments.store import UpdateStore
from shipments.telemetry import Telemetry
from tracking.api import Api

if TYPE_CHECKING:
    from tracking.idempotency import FirstSeen


def make_api(environment: Mapping[str, str]) -> Api:
    """The API as its environment variables say. Raises KeyError for one that is missing."""
    region = environment[facts.REGION]
    telemetry = Telemetry(environment[facts.ENVIRONMENT])
    client = make_client("dynamodb", region)
    settings = SettingsSource(
        make_client("ssm", region, read_timeout=1, attempts=2),
        telemetry,
        flags=environment[facts.FEATURE_FLAGS_PARAM],
        config=environment[facts.CONFIG_PARAM],
    )
    # Before the first request, while Lambda still lends the whole processor.
    settings.current()

    @cache
    def first_seen() -> "FirstSeen":
        from tracking.idempotency import FirstSeen

        return FirstSeen(client, environment[facts.IDEMPOTENCY_TABLE])

    return Api(
        store=UpdateStore(
            client,
            environment[facts.TABLE_NAME],
            environment[facts.ENVIRONMENT],
            Shards(
                written=int(environment[facts.STATUS_INDEX_SHARDS]),
                read=int(environment[facts.STATUS_INDEX_SHARDS_READ]),
            ),
        ),
        settings=settings,
        first_seen=first_seen,
        update_schema=json.loads(facts.UPDATE_SCHEMA.read_text("utf-8")),
        batch_schema=json.loads(facts.BATCH_SCHEMA.read_text("utf-8")),
        telemetry=telemetry,
    )
