"""The fan-out, put together as the function's environment says."""

from collections.abc import Mapping

import contract
from fanout.fanout import Fanout
from outbound.queue import DeliveryQueue
from runtime.sdk import make_client
from runtime.telemetry import Telemetry
from storage.deliveries import DeliveryStore
from storage.webhooks import WebhookStore


def make_fanout(environment: Mapping[str, str]) -> Fanout:
    """The fan-out as its environment variables say. Raises KeyError for one that is missing."""
    region, webhooks = environment[contract.REGION], environment[contract.WEBHOOKS_TABLE]
    client = make_client("dynamodb", region)
    return Fanout(
        webhooks=WebhookStore(client, webhooks),
        deliveries=DeliveryStore(client, webhooks=webhooks, table=environment[contract.DELIVERIES_TABLE]),
        queue=DeliveryQueue(make_client("sqs", region), environment[contract.DELIVERIES_QUEUE]),
        telemetry=Telemetry(environment[contract.ENVIRONMENT]),
        environment=environment[contract.ENVIRONMENT],
    )
