"""The routes of webhooks, put together as the function's environment says."""

from collections.abc import Mapping

import contract
from outbound.queue import DeliveryQueue
from runtime.sdk import make_client
from runtime.telemetry import Telemetry
from storage.deliveries import DeliveryStore
from storage.webhooks import WebhookStore
from webhooks.api import Api


def make_api(environment: Mapping[str, str]) -> Api:
    """The API as its environment variables say. Raises KeyError for one that is missing."""
    region, webhooks = environment[contract.REGION], environment[contract.WEBHOOKS_TABLE]
    client = make_client("dynamodb", region)
    return Api(
        webhooks=WebhookStore(client, webhooks),
        deliveries=DeliveryStore(client, webhooks=webhooks, table=environment[contract.DELIVERIES_TABLE]),
        queue=DeliveryQueue(make_client("sqs", region), environment[contract.DELIVERIES_QUEUE]),
        environment=environment[contract.ENVIRONMENT],
        telemetry=Telemetry(environment[contract.ENVIRONMENT]),
        local=environment.get(contract.LOCAL_RECEIVERS) == "true",
    )
