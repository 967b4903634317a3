"""From a batch of the stream's records to notifications, and to the records that have to be tried again."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, zip_longest
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from botocore.exceptions import BotoCoreError, ClientError

import contract
from notifier.changes import Change, History, Update, changes
from notifier.topic import BATCH, Refused, Topic
from runtime.settings import SettingsSource
from runtime.telemetry import Telemetry

#: Shipments that are looked up at once; a client keeps 10 connections.
_WORKERS = 10


class OutOfTurn(Exception):
    """An earlier change of the same shipment was not sent, so this one has to wait for it."""


class Notifier:
    """Handles batches of the stream, for one thread at a time."""

    def __init__(
        self, *, history: History, topic: Topic, settings: SettingsSource, telemetry: Telemetry
    ) -> None:
        self._history = history
        self._topic = topic
        self._settings = settings
        self._telemetry = telemetry
        self._processor = BatchProcessor(EventType.DynamoDBStreams)

    def handle(self, event: dict[str, Any], context: Any) -> Any:
        """Lambda's partial batch response: the sequence numbers of the records that failed.

        Raises if all of them failed, or if the table does not answer.
        """
        records = event["Records"]
        self._telemetry.start(context.aws_request_id)
        self._telemetry.count("RecordsRead", len(records))
        try:
            with self._telemetry.trace("notify"):
                failures = self._notify(records)
        except Exception as error:
            self._telemetry.failure("The batch failed", error)
            raise
        finally:
            self._telemetry.finish()

        def check(record: DynamoDBRecord) -> None:
            if failure := failures.get(record.raw_event["eventID"]):
                raise failure

        with self._processor(records, check):
            self._processor.process()
        return self._processor.response()

    def _notify(self, records: Sequence[dict[str, Any]]) -> dict[str, Exception]:
        """Send what there is to send; returns why records failed, by their id."""
        if not self._settings.current().flags["real_time_notifications"]:
            self._telemetry.count("RecordsSkipped", len(records))
            return {}
        failures: dict[str, Exception] = {}
        arrivals: defaultdict[str, list[Update]] = defaultdict(list)
        for record in records:
            try:
                update = Update.parse(record)
            except Exception as error:  # whatever was written to the table, the records beside it matter
                failures[record["eventID"]] = error
            else:
                arrivals[update.tracking_id].append(update)

        with ThreadPoolExecutor(_WORKERS) as pool:
            newest = list(pool.map(self._history.newest_before, arrivals.values()))
        found = [changes(*shipment) for shipment in zip(newest, arrivals.values(), strict=True)]
        failures |= self._publish([change for change, _ in found])

        self._telemetry.count("LateUpdate", sum(late for _, late in found))
        self._telemetry.count("StatusChange", sum(len(change) for change, _ in found))
        statuses = Counter(change.update.status for shipment, _ in found for change in shipment)
        for status, number in statuses.items():
            self._telemetry.count(contract.SHIPMENTS_METRICS[status], number)
        self._telemetry.count("RecordFailed", len(failures))
        for id, failure in failures.items():
            self._telemetry.warn(
                "A record failed", event_id=id, kind=type(failure).__name__, reason=str(failure)
            )
        return failures

    def _publish(self, shipments: Iterable[Sequence[Change]]) -> dict[str, Exception]:
        failures: dict[str, Exception] = {}
        blocked: set[str] = set()
        away: Exception | None = None
        # One change of each shipment at a time, since a call may fail for some of its entries and not for others.
        for turn in zip_longest(*shipments):
            waiting = []
            for change in filter(None, turn):
                if change.update.tracking_id in blocked:
                    failures[change.update.id] = OutOfTurn()
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
                    failed = dict.fromkeys((change.update.id for change in batch), away)
                failures |= failed
                blocked |= {
                    change.update.tracking_id
                    for change in batch
                    if _is_temporary(failed.get(change.update.id))
                }
        return failures


def _is_temporary(failure: Exception | None) -> bool:
    return failure is not None and not (isinstance(failure, Refused) and failure.permanent)
