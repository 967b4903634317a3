"""What webhooks are told: who is told, what, and the queue by which it goes out."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import contract
from outbound.message import Message
from outbound.queue import DeliveryQueue
from outbound.webhook import Webhook
from runtime.sdk import make_client
from storage.deliveries import DeliveryStore
from storage.webhooks import WebhookStore


class Outbox(NamedTuple):
    """The tables of webhooks and of deliveries, and the queue of those that have to be tried; for many threads."""

    webhooks: WebhookStore
    deliveries: DeliveryStore
    queue: DeliveryQueue

    def add(self, webhook: Webhook, messages: Sequence[Message]) -> list[int]:
        """Adds messages of a webhook, and has them sent if it has a URL. See DeliveryStore.add, DeliveryQueue.send."""
        numbers = self.deliveries.add(webhook, messages)
        if webhook.url:
            self.queue.send(webhook.id, numbers)
        return numbers


def make_outbox(environment: Mapping[str, str]) -> Outbox:
    """The outbox that a function's environment variables name. Raises KeyError for one that is missing."""
    region = environment[contract.REGION]
    client = make_client("dynamodb", region)
    webhooks = WebhookStore(client, environment[contract.WEBHOOKS_TABLE])
    return Outbox(
        webhooks,
        DeliveryStore(client, environment[contract.DELIVERIES_TABLE], webhooks),
        DeliveryQueue(make_client("sqs", region), environment[contract.DELIVERIES_QUEUE]),
    )
