"""From a batch of the stream's records to notifications, and to the records that have to be tried again."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, islice, zip_longest
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

import contract
from notifier.changes import Change
from notifier.topic import BATCH, Refused, Topic
from runtime.batch import Batches, Failures, Records
from runtime.settings import SettingsSource
from runtime.telemetry import Telemetry


class OutOfTurn(Exception):
    """An earlier change of the same shipment was not sent, so this one has to wait for it."""


class Notifier:
    """Handles batches of the stream, for one thread at a time."""

    def __init__(self, *, topic: Topic, settings: SettingsSource, telemetry: Telemetry) -> None:
        self._topic = topic
        self._settings = settings
        self._telemetry = telemetry
        self._batches = Batches("notify", telemetry, self._notify)

    def handle(self, event: dict[str, Any], context: Any) -> Any:
        """See Batches.handle."""
        return self._batches.handle(event, context)

    def _notify(self, records: Records) -> Failures:
        if not self._settings.current().flags["real_time_notifications"]:
            self._telemetry.count("RecordsSkipped", len(records))
            return {}
        failures: dict[str, Exception] = {}
        changes: defaultdict[str, list[Change]] = defaultdict(list)
        for record in records:
            try:
                change = Change.parse(record)
            except Exception as error:  # whatever was written to the table, the records beside it matter
                failures[record["eventID"]] = error
            else:
                if change:
                    changes[change.shipment.tracking_id].append(change)
        failures |= self._publish(changes.values())
        statuses = Counter(
            change.shipment.status
            for change in chain.from_iterable(changes.values())
            if change.event == contract.STATUS_CHANGED
        )
        self._telemetry.count("StatusChange", statuses.total())
        for status, number in statuses.items():
            self._telemetry.count(contract.SHIPMENTS_METRICS[status], number)
        return failures

    def _publish(self, shipments: Iterable[Sequence[Change]]) -> dict[str, Exception]:
        failures: dict[str, Exception] = {}
        blocked: set[str] = set()
        away: Exception | None = None
        # One change of each shipment at a time, since a call may fail for some of its entries and not for others.
        for turn in zip_longest(*shipments):
            waiting = []
            for change in filter(None, turn):
                if change.shipment.tracking_id in blocked:
                    failures[change.id] = OutOfTurn()
                else:
                    waiting.append(change)
            ready = iter(waiting)
            while batch := list(islice(ready, BATCH)):
                failed: dict[str, Exception] = {}
                if away is None:
                    try:
                        failed = {**self._topic.publish(batch)}
                    except (BotoCoreError, ClientError) as error:
                        away = error
                if away:
                    failed = dict.fromkeys((change.id for change in batch), away)
                failures |= failed
                blocked |= {
                    change.shipment.tracking_id for change in batch if _is_temporary(failed.get(change.id))
                }
        return failures


def _is_temporary(failure: Exception | None) -> bool:
    return failure is not None and not (isinstance(failure, Refused) and failure.permanent)
