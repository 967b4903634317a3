"""From a batch of notifications to the deliveries of each webhook."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import Any

from aws_lambda_powertools.utilities.batch import EventType

from outbound.message import render
from outbound.webhook import PLAIN, Webhook
from runtime.batch import Batches, Failures, Records
from runtime.telemetry import Telemetry
from storage.outbox import Outbox
from web import exact_json

#: Seconds for which a new webhook may be told of nothing, and one that was changed of what it was told of before.
CACHE = 10
#: Webhooks at once; a client keeps 10 connections.
_WORKERS = 10

_Notification = dict[str, Any]


class Fanout:
    """Handles batches, for one thread at a time."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        telemetry: Telemetry,
        environment: str,
    ) -> None:
        self._outbox = outbox
        self._telemetry = telemetry
        self._environment = environment
        self._batches = Batches("fan out", telemetry, self._fan_out, EventType.SQS)
        self._known: list[Webhook] = []
        self._expires = 0.0

    def handle(self, event: dict[str, Any], context: Any) -> Any:
        """See Batches.handle."""
        return self._batches.handle(event, context)

    def _fan_out(self, records: Records) -> Failures:
        failures: dict[str, Exception] = {}
        found: dict[str, _Notification] = {}
        for record in records:
            try:
                notification = exact_json.loads(record["body"])
                render(notification, PLAIN, self._environment)
                found[record["messageId"]] = {**notification, "version": int(notification["version"])}
            except Exception as error:  # whatever was published to the topic, the records beside it matter
                failures[record["messageId"]] = error
        # A receiver that drops old versions keeps as many as it can.
        ordered = sorted(found.values(), key=itemgetter("version"))
        webhooks = self._current()
        with ThreadPoolExecutor(_WORKERS) as pool:
            tasks = [(webhook, pool.submit(self._tell, webhook, ordered)) for webhook in webhooks]
        added = 0
        for webhook, task in tasks:
            try:
                added += task.result()
            except Exception as error:
                # They come again, also to the others, with the same ids.
                failures |= {id: error for id, one in found.items() if webhook.wants(one)}
        self._telemetry.count("DeliveriesAdded", added)
        return failures

    def _tell(self, webhook: Webhook, notifications: Sequence[_Notification]) -> int:
        messages = [
            render(notification, webhook.format, self._environment)
            for notification in notifications
            if webhook.wants(notification)
        ]
        return len(self._outbox.add(webhook, messages))

    def _current(self) -> list[Webhook]:
        if time.monotonic() >= self._expires:
            self._known = self._outbox.webhooks.all()
            self._expires = time.monotonic() + CACHE
        return self._known
