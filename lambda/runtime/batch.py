"""Batches of a table's stream or of a queue, of which a function may handle a part."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType

from runtime.telemetry import Telemetry

Records = Sequence[dict[str, Any]]
#: Why records failed, by their ids.
Failures = Mapping[str, Exception]
#: What a record has its id under.
_IDS = {EventType.DynamoDBStreams: "eventID", EventType.SQS: "messageId"}


class Batches:
    """Handles batches of `source` with `work`, for one thread at a time."""

    def __init__(
        self,
        name: str,
        telemetry: Telemetry,
        work: Callable[[Records], Failures],
        source: EventType = EventType.DynamoDBStreams,
    ) -> None:
        self._name = name
        self._telemetry = telemetry
        self._work = work
        self._processor = BatchProcessor(source)
        self._id = _IDS[source]

    def handle(self, event: dict[str, Any], context: Any) -> Any:
        """Lambda's partial batch response: the records that failed.

        Raises if all of them failed, or what `work` raises.
        """
        records = event["Records"]
        self._telemetry.start(context.aws_request_id)
        self._telemetry.count("RecordsRead", len(records))
        try:
            with self._telemetry.trace(self._name):
                failures = self._work(records)
            self._telemetry.count("RecordFailed", len(failures))
            for id, failure in failures.items():
                self._telemetry.warn(
                    "A record failed", event_id=id, kind=type(failure).__name__, reason=str(failure)
                )
        except Exception as error:
            self._telemetry.failure("The batch failed", error)
            raise
        finally:
            self._telemetry.finish()

        def check(record: Any) -> None:
            if failure := failures.get(record.raw_event[self._id]):
                raise failure

        with self._processor(records, check):
            self._processor.process()
        return self._processor.response()
