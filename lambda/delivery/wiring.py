"""The deliverer and the sweep, put together as the function's environment says."""

from collections.abc import Mapping
from typing import Any

import contract
from delivery.deliverer import Deliverer
from delivery.sweep import Sweep
from outbound.queue import DeliveryQueue
from runtime.sdk import make_client
from runtime.telemetry import Telemetry
from storage.deliveries import DeliveryStore
from storage.webhooks import WebhookStore


def make_delivery(environment: Mapping[str, str]) -> tuple[Deliverer, Sweep]:
    """Both as their environment variables say. Raises KeyError for one that is missing."""
    region, webhooks = environment[contract.REGION], environment[contract.WEBHOOKS_TABLE]
    client = make_client("dynamodb", region)
    parts: Any = {
        "webhooks": WebhookStore(client, webhooks),
        "deliveries": DeliveryStore(client, webhooks=webhooks, table=environment[contract.DELIVERIES_TABLE]),
        "queue": DeliveryQueue(make_client("sqs", region), environment[contract.DELIVERIES_QUEUE]),
        "telemetry": Telemetry(environment[contract.ENVIRONMENT]),
    }
    return Deliverer(**parts, local=environment.get(contract.LOCAL_RECEIVERS) == "true"), Sweep(**parts)
