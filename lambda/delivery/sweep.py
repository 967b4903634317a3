"""Looks at what was put aside: sends what is due, tries one delivery of a blocked webhook, and goes on with replays."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from outbound.delivery import FAILED, GRACE
from outbound.webhook import ACTIVE, TRIAL_INTERVAL, Webhook
from runtime.telemetry import Telemetry
from storage.outbox import Outbox

#: Deliveries of a webhook that one sweep sends or replays at most: else a receiver that is back would be flooded.
MAX_SENT = 500
#: Messages of a webhook that one sweep looks at for a replay, since few of them may be replayed.
_MAX_LOOKS = 5_000
#: Webhooks at once; a client keeps 10 connections.
_WORKERS = 10
#: Seconds that a webhook may take.
_RESERVE = 20


class Sweep:
    """Sweeps, one at a time; others may do the same elsewhere."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        telemetry: Telemetry,
    ) -> None:
        self._outbox = outbox
        self._telemetry = telemetry

    def handle(self, context: Any) -> None:
        """Looks at all webhooks while there is time, in any order; the rest is found by the next sweep.

        Raises botocore's errors and NotQueued of the first webhook that has one, after all the others.
        """
        stop = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _RESERVE
        self._telemetry.start(context.aws_request_id)
        sent = blocked = 0
        try:
            with self._telemetry.trace("sweep"), ThreadPoolExecutor(_WORKERS) as pool:
                found = [one for one in self._outbox.webhooks.all() if one.url and one.state == ACTIVE]
                blocked = sum(one.blocked_until is not None for one in found)
                random.shuffle(found)
                tasks = [pool.submit(self._look, one, stop) for one in found]
            sent = sum(task.result() for task in tasks)
        except Exception as error:
            self._telemetry.failure("The sweep failed", error)
            raise
        finally:
            self._telemetry.count("Sweeps")
            self._telemetry.count("DeliveriesResent", sent)
            self._telemetry.count("WebhooksBlockedNow", blocked)
            self._telemetry.finish()

    def _look(self, webhook: Webhook, stop: float) -> int:
        """How many deliveries it sent."""
        now = int(time.time() * 1000)
        trial = webhook.blocked_until is not None
        if time.monotonic() > stop or (webhook.blocked_until or 0) > now:
            return 0
        if webhook.replay and not trial:
            self._replay(webhook, now, stop)
        due = self._outbox.deliveries.due(webhook.id, now, 1 if trial else MAX_SENT)
        claimed = [
            sequence
            for sequence, when in due
            if self._outbox.deliveries.claim(webhook.id, sequence, when, now + GRACE)
        ]
        if claimed and trial:
            # The next one waits for what becomes of this one.
            self._outbox.webhooks.change(webhook.id, blocked_until=now + TRIAL_INTERVAL)
        self._outbox.queue.send(webhook.id, claimed, trial=trial)
        return len(claimed)

    def _replay(self, webhook: Webhook, now: int, stop: float) -> None:
        assert webhook.replay  # noqa: S101 (for the type checker)
        first, last = webhook.replay
        state = FAILED if webhook.replay_failed else None
        end, sent = first, 0
        while end <= min(last, first + _MAX_LOOKS - 1) and sent < MAX_SENT and time.monotonic() < stop:
            sent += self._outbox.deliveries.restart(webhook.id, end, state, now)
            end += 1
        self._outbox.webhooks.change(webhook.id, replay=[end, last] if end <= last else None)
