"""A stream's mapping to functions that run in the test's own process, as unlucky as Lambda allows."""

import random
import zlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from botocore.exceptions import BotoCoreError, ClientError

from tests.pipeline import Stream

Record = dict[str, Any]
Function = Callable[[dict[str, Any], Any], Any]


class Mapping:
    """A stream's mapping to a function, as Lambda keeps it, in an order that `chance` chooses.

    Each item's records are in one of four lanes, of which any may be the next to run. A batch begins again with the
    first record that failed, in pieces of any size, or as a whole if the function ended before it answered. What is
    given up becomes a dead letter, and may be redriven at any time.
    """

    def __init__(self, stream: Stream, functions: list[Function]) -> None:
        self._stream = stream
        self._functions = functions
        self._lanes: list[list[Record]] = [[], [], [], []]
        self._dead_letters: list[list[Record]] = []
        self.read: list[Record] = []
        #: The ids of records that were redriven.
        self.redriven: set[str] = set()

    def step(self, chance: random.Random) -> bool:
        """Handles a batch, or a dead letter; returns whether there was one."""
        if not any(self._lanes) or chance.random() < 0.3:
            for record in self._stream.records():
                self.read.append(record)
                key = str(sorted(record["dynamodb"]["Keys"].items()))
                self._lanes[zlib.crc32(key.encode()) % len(self._lanes)].append(record)
        if (self._dead_letters and chance.random() < 0.1) or not any(self._lanes):
            return self._redrive(chance)
        lane = chance.choice([lane for lane in self._lanes if lane])
        batch = lane[: chance.randint(1, 10)]
        done = self._handle(batch, chance)
        if done < len(batch) and chance.random() < 0.5:
            self._dead_letters.append(batch[done:])
            done = len(batch)
        del lane[:done]
        return True

    def _redrive(self, chance: random.Random) -> bool:
        if not self._dead_letters:
            return False
        dead_letter = self._dead_letters.pop(0)
        self.redriven |= {record["eventID"] for record in dead_letter}
        if rest := dead_letter[self._handle(dead_letter, chance) :]:
            self._dead_letters.append(rest)
        return True

    def _handle(self, batch: list[Record], chance: random.Random) -> int:
        """How many of the batch are done with, from its beginning."""
        function = chance.choice(self._functions)
        try:
            answer = function({"Records": batch}, SimpleNamespace(aws_request_id="lambda-1"))
        except (BatchProcessingError, BotoCoreError, ClientError):
            return 0
        if chance.random() < 0.1:
            return 0
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        return next(
            (n for n, record in enumerate(batch) if record["dynamodb"]["SequenceNumber"] in failed),
            len(batch),
        )
