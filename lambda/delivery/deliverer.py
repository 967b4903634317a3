"""From a batch of the queue to requests, and to what becomes of each delivery."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools.utilities.batch import EventType

from delivery.receiver import Answer, post
from outbound.delivery import DELIVERED, FAILED, GRACE, PENDING, Delivery, wait_after
from outbound.queue import MAX_DELAY
from outbound.secret import signed
from outbound.webhook import ACTIVE, DISABLED, MAX_FAILURES, MEDIA_TYPES, TRIAL_INTERVAL, Webhook
from runtime.batch import Batches, Failures, Records
from runtime.telemetry import Telemetry
from storage.outbox import Outbox

#: A receiver says by it that the webhook is no longer wanted.
_GONE = 410
#: ms that a lane is kept by a run that has died: longer than one lasts.
_LANE_TIME = 90_000
#: Seconds after which it is looked again for a lane.
_BUSY_DELAY = 2

#: By what becomes of a delivery, and of its webhook.
METRICS = {
    "succeeded": "DeliveriesSucceeded",
    "failed": "DeliveriesFailed",
    "given_up": "DeliveriesGivenUp",
    "put_aside": "DeliveriesPutAside",
    "postponed": "DeliveriesPostponed",
    "dropped": "DeliveriesDropped",
    "webhook_blocked": "WebhooksBlocked",
    "webhook_disabled": "WebhooksDisabled",
}


class Deliverer:
    """Handles batches, for one thread at a time.

    Args:
        local: whether a receiver may be on this machine.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        telemetry: Telemetry,
        local: bool,
    ) -> None:
        self._outbox = outbox
        self._telemetry = telemetry
        self._local = local
        self._batches = Batches("deliver", telemetry, self._deliver_all, EventType.SQS)

    def handle(self, event: dict[str, Any], context: Any) -> Any:
        """See Batches.handle."""
        return self._batches.handle(event, context)

    def _deliver_all(self, records: Records) -> Failures:
        failures: dict[str, Exception] = {}
        tally: Counter[str] = Counter()
        for record in records:
            try:
                for outcome in self._deliver_together(**json.loads(record["body"])):
                    tally[METRICS[outcome]] += 1
            except Exception as error:  # whatever it is, the others of the batch matter
                failures[record["messageId"]] = error
        for metric, number in tally.items():
            self._telemetry.count(metric, number)
        return failures

    def _deliver_together(self, webhook: str, sequences: list[int], trial: bool) -> list[str]:
        """What became of each, by names of METRICS. Raises the first error, after all were tried."""
        found = self._outbox.webhooks.get(webhook)
        if not found or not found.url:
            return ["dropped"] * len(sequences)
        now = _now()
        lane = self._outbox.webhooks.take_lane(found, now, until := now + _LANE_TIME)
        if lane is None:
            self._outbox.queue.send(webhook, sequences, delay=_BUSY_DELAY, trial=trial)
            return ["postponed"] * len(sequences)
        try:
            with ThreadPoolExecutor(len(sequences)) as pool:
                tasks = [pool.submit(self._deliver, found, sequence, trial) for sequence in sequences]
            return [outcome for task in tasks for outcome in task.result()]
        finally:
            self._outbox.webhooks.free_lane(webhook, lane, until)

    def _deliver(self, receiver: Webhook, sequence: int, trial: bool) -> list[str]:
        delivery = self._outbox.deliveries.get(receiver.id, sequence)
        # It may come twice.
        if not delivery or delivery.state != PENDING:
            return ["dropped"]
        now = _now()
        if receiver.state != ACTIVE:
            self._finish(delivery, FAILED, error="Not sent: the webhook is disabled")
            return ["given_up"]
        if receiver.blocked_until is not None and not trial:
            self._outbox.deliveries.change(
                receiver.id, sequence, due=now, next_attempt=receiver.blocked_until
            )
            return ["put_aside"]
        body = delivery.body.encode()
        headers = {
            "Content-Type": MEDIA_TYPES[receiver.format],
            **signed(delivery.id, body, receiver.secrets, now),
        }
        assert receiver.url  # noqa: S101 (for the type checker)
        answer = post(receiver.url, headers, body, local=self._local)
        return self._conclude(receiver, delivery, answer)

    def _conclude(self, webhook: Webhook, delivery: Delivery, answer: Answer) -> list[str]:
        now = _now()
        told: dict[str, Any] = {
            "attempts": delivery.attempts + 1,
            "attempted_at": now,
            "status": answer.status,
            "answer": answer.text,
            "error": answer.error,
        }
        if answer.status is not None and 200 <= answer.status < 300:
            if webhook.failures:
                self._outbox.webhooks.change(webhook.id, failures=0, blocked_until=None)
            self._finish(delivery, DELIVERED, **told)
            return ["succeeded"]
        if answer.status == _GONE:
            self._outbox.webhooks.change(webhook.id, state=DISABLED)
            self._telemetry.warn("A receiver is gone, and its webhook disabled", webhook=webhook.id)
            self._finish(delivery, FAILED, **told)
            return ["given_up", "webhook_disabled"]
        blocked, news = self._count_failure(webhook, answer, now)
        wait = wait_after(told["attempts"], answer.retry_after)
        if wait is None:
            self._finish(delivery, FAILED, **told)
            return ["given_up", *news]
        queued = not blocked and wait <= MAX_DELAY * 1000
        due = now + wait
        self._outbox.deliveries.change(
            webhook.id, delivery.sequence, due=due + GRACE if queued else due, next_attempt=due, **told
        )
        if queued:
            self._outbox.queue.send(webhook.id, [delivery.sequence], delay=wait // 1000)
        return ["failed", *news]

    def _count_failure(self, webhook: Webhook, answer: Answer, now: int) -> tuple[bool, list[str]]:
        """Whether the webhook is blocked: it fails again and again, or asks to be left alone; and if that is new."""
        counted = self._outbox.webhooks.count_failure(webhook.id)
        if counted is None:
            return True, []
        until = [now + TRIAL_INTERVAL] if counted.failures >= MAX_FAILURES else []
        until += [now + wait for wait in (wait_after(1, answer.retry_after),) if wait and answer.retry_after]
        if until:
            # Another answer, a moment ago, may have asked for more.
            self._outbox.webhooks.change(webhook.id, blocked_until=max([*until, counted.blocked_until or 0]))
        if counted.failures == MAX_FAILURES:
            self._telemetry.warn(
                "A webhook is blocked: its receiver fails again and again", webhook=webhook.id
            )
            return True, ["webhook_blocked"]
        return bool(until), []

    def _finish(self, delivery: Delivery, state: str, **told: Any) -> None:
        members = {"next_attempt": None, **told, "state": state}
        self._outbox.deliveries.change(delivery.webhook, delivery.sequence, due=None, **members)


def _now() -> int:
    return int(time.time() * 1000)
