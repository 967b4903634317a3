"""Invokes the functions behind streams and schedules."""

from collections.abc import Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any

from deadlines.sweep import Sweep
from notifier.notifier import Notifier
from runtime.batch import Batches

Record = dict[str, Any]


def handle(function: Batches | Notifier, records: list[Record]) -> list[Record]:
    """Gives a function records of a stream; returns those that failed."""
    answer = function.handle({"Records": records}, SimpleNamespace(aws_request_id="lambda-1"))
    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    return [record for record in records if record["dynamodb"]["SequenceNumber"] in failed]


def in_pieces(records: list[Record], size: int) -> Iterator[list[Record]]:
    """The records in lists of `size`."""
    rest = iter(records)
    while piece := list(islice(rest, size)):
        yield piece


def run(sweep: Sweep, seconds: float = 300) -> None:
    """Starts the sweep as the schedule does, with so much time left."""
    context = SimpleNamespace(aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: seconds * 1000)
    sweep.handle(context)
