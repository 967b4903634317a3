"""Looks at every shipment that is due, and declares it stalled or overdue, or sets the time of the next look."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

import contract
from projector.records import Records, next_version
from runtime.telemetry import Telemetry
from shipments.deadlines import Deadlines
from storage.due_index import Due, DueIndex
from storage.shipments import Record

#: Shipments that are looked at at once; a client keeps 10 connections.
_WORKERS = 10
#: Shipments between two looks at the clock.
_BATCH = 100
#: Seconds that a batch may take where DynamoDB is slow to answer, or does not.
_RESERVE = 60


class Sweep:
    """Sweeps, one at a time; others may do the same elsewhere."""

    def __init__(
        self, *, index: DueIndex, records: Records, deadlines: Deadlines, telemetry: Telemetry
    ) -> None:
        self._index = index
        self._records = records
        self._deadlines = deadlines
        self._telemetry = telemetry

    def handle(self, context: Any) -> None:
        """Looks at what is due now, the longest due first, while there is time; the rest is found by the next sweep.

        What was declared stays so if this fails on the way. Raises botocore's errors.
        """
        stop = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _RESERVE
        self._telemetry.start(context.aws_request_id)
        tally: Counter[str] = Counter()
        try:
            with self._telemetry.trace("sweep"):
                self._sweep(int(time.time() * 1000), stop, tally)
        except Exception as error:
            self._telemetry.failure("The sweep failed", error)
            raise
        finally:
            self._telemetry.count("RecordFailed", tally["failed"])
            for event in contract.DECLARED_METRICS:
                self._telemetry.count(contract.DECLARED_METRICS[event], tally[event])
            self._telemetry.finish(looked_at=tally["looked_at"])

    def _sweep(self, now: int, stop: float, tally: Counter[str]) -> None:
        due = self._index.until(now)
        batch = list(islice(due, _BATCH))
        self._telemetry.measure("DeadlineLag", now - batch[0].time if batch else 0)
        with ThreadPoolExecutor(_WORKERS) as pool:
            while batch and time.monotonic() < stop:
                for declared in pool.map(lambda due: self._look(due, now), batch):
                    tally.update(["looked_at", *declared])
                batch = list(islice(due, _BATCH))

    def _look(self, due: Due, now: int) -> list[str]:
        """What the shipment was declared; or "failed", if its record cannot be read, which holds nothing else back."""
        declared = []
        try:
            # What is stale here fails when it is written.
            found = self._records.read(due.tracking_id)
            while found and found.watch.due is not None and found.watch.due <= now:
                event, watch = self._deadlines.look(found.shipment, found.watch, now)
                record = Record(found.shipment, next_version(found), watch=watch)
                instead = self._records.put(record, found)
                if event and instead is None:
                    declared.append(event)
                found = instead or record
        except (BotoCoreError, ClientError):
            raise
        except Exception as error:
            self._telemetry.warn(
                "A record failed", shipment=due.tracking_id, kind=type(error).__name__, reason=str(error)
            )
            return ["failed"]
        return declared
