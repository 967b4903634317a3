"""Feeds a table's stream to a function on this machine, as the deployed event source mapping says.

Where this differs from Lambda (https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html):

- The shards are those of the start. (The embedded AWS has one and never splits it.) The records of an item stay in
  one of as many lanes as the parallelization factor says, whose batches are handled at once.
- A place in the stream is kept only while this runs.
- The waits between retries are these, doubled each time; Lambda does not tell its own.
- A partial failure of the first record of a batch splits the batch in two, if the mapping bisects. Lambda's
  documentation says only that it splits at the record that failed.
- A dead letter names the very batch that was given up; Lambda may put several into one.
- Batches are not limited to 6 MB: one that is too large counts as one that failed.
- A batch that never reached the function leaves no responseContext in its dead letter.
"""

import base64
import json
import time
import uuid
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from moto.events.models import EventPattern

from local.aws import client
from local.function import Function, Invocation, PayloadTooLargeError, ThrottledError
from local.poller import Mapping, Poller

#: Seconds before the first retry, and at most between two.
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
#: Lambda takes no greater parallelization factor.
MOST_LANES = 10

Batch = list[dict[str, Any]]


class StreamPoller(Poller):
    """Reads the streams that are mapped to a function, and invokes it; see Poller.

    Args:
        poll_seconds: Lambda asks four times a second; the embedded AWS never forgets an iterator, and each question
            makes one.
        first_wait: seconds before the first retry.
    """

    service = "dynamodb"

    def __init__(
        self,
        function: Function,
        *,
        endpoint: str,
        region: str,
        first_wait: float = FIRST_WAIT,
        **options: Any,
    ) -> None:
        self._streams, self._s3 = (client(service, endpoint, region) for service in ("dynamodbstreams", "s3"))
        self._first_wait = first_wait
        super().__init__(function, endpoint=endpoint, region=region, **options)

    def _follow(self, stream: str) -> None:
        mapping = self._mappings[stream]
        shards = [_Shard(self._streams, mapping, id) for id in _shard_ids(self._streams, stream)]
        with ThreadPoolExecutor(len(shards) * MOST_LANES) as pool:
            while not self._stopped.is_set():
                mapping = self._mappings[stream]
                for shard in shards:
                    for lane in shard.read(mapping):
                        lane.handled = pool.submit(self._deliver, mapping, shard.id, lane.batch)
                if not any(shard.busy for shard in shards):
                    self._stopped.wait(self._poll_seconds)

    def _deliver(self, mapping: Mapping, shard: str, batch: Batch) -> None:
        invocation, retries = None, 0
        wait = self._first_wait
        while batch and not self._stopped.is_set():
            expired = _expired(batch, mapping.get("MaximumRecordAgeInSeconds", -1))
            self._give_up(mapping, shard, batch[:expired], "RecordAgeExceeded", invocation, retries)
            batch = batch[expired:]
            if not batch:
                return
            try:
                invocation = self._function.invoke({"Records": batch})
            except ThrottledError:
                self._stopped.wait(wait)
                continue
            except PayloadTooLargeError:
                failed: int | None = 0
            else:
                failed = _first_failure(batch, invocation, mapping.get("FunctionResponseTypes", []))
            if failed is None:
                return
            if mapping.get("BisectBatchOnFunctionError") and len(batch) > 1:
                # What is split off uses up no retry.
                self._deliver(mapping, shard, [] if failed else batch[: len(batch) // 2])
                batch = batch[failed or len(batch) // 2 :]
                continue
            batch = batch[failed:]
            if retries == mapping.get("MaximumRetryAttempts", -1):
                self._give_up(mapping, shard, batch, "RetryAttemptsExhausted", invocation, retries)
                return
            retries += 1
            self._stopped.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _give_up(
        self,
        mapping: Mapping,
        shard: str,
        batch: Batch,
        condition: str,
        invocation: Invocation | None,
        retries: int,
    ) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html"""
        if not batch:
            return
        self._log(f"{self._function.name} was given up on {len(batch)} records: {condition}")
        destination = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if destination is None:
            return
        now, first, last = datetime.now(UTC), batch[0]["dynamodb"], batch[-1]["dynamodb"]
        letter: dict[str, Any] = {
            "requestContext": {
                "requestId": invocation.request_id if invocation else str(uuid.uuid4()),
                "functionArn": self._function.arn,
                "condition": condition,
                "approximateInvokeCount": retries + 1 if invocation else 0,
            },
            "version": "1.0",
            "timestamp": f"{now:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "DDBStreamBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": _arrival(first),
                "approximateArrivalOfLastRecord": _arrival(last),
                "batchSize": len(batch),
                "streamArn": mapping["EventSourceArn"],
            },
            "payload": {"Records": batch},
        }
        if invocation:
            letter["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST"}
            if invocation.error:
                letter["responseContext"]["functionError"] = invocation.error
        self._s3.put_object(
            Bucket=destination.removeprefix("arn:aws:s3:::"),
            Key=f"aws/lambda/{mapping['UUID']}/{shard}/{now:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}",
            Body=json.dumps(letter).encode(),
        )


class _Shard:
    """A place in a shard, and what was read there but does not make a batch yet."""

    def __init__(self, streams: Any, mapping: Mapping, id: str) -> None:
        self.id = id
        self._streams = streams
        self._iterator = streams.get_shard_iterator(
            StreamArn=mapping["EventSourceArn"], ShardId=id, ShardIteratorType=mapping["StartingPosition"]
        )["ShardIterator"]
        self._lanes: list[_Lane] = []
        self.busy = False
        """Whether there may be more right now."""

    def read(self, mapping: Mapping) -> "list[_Lane]":
        """The lanes that have a next batch: full, or its window over, and the one before it handled."""
        filters = mapping.get("FilterCriteria", {}).get("Filters", [])
        patterns = [EventPattern.load(criterion["Pattern"]) for criterion in filters]
        page = self._streams.get_records(ShardIterator=self._iterator)
        self._iterator = page["NextShardIterator"]
        records: Any = [event_record(record, mapping["EventSourceArn"]) for record in page["Records"]]
        # A change of the mapping may change their number, which is no matter while none of them holds anything.
        if all(lane.idle for lane in self._lanes):
            self._lanes = [_Lane() for _ in range(mapping.get("ParallelizationFactor", 1))]
        for record in records:
            if not patterns or any(pattern.matches_event(record) for pattern in patterns):
                key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True).encode()
                self._lanes[zlib.crc32(key) % len(self._lanes)].add(record, mapping)
        ready = [lane for lane in self._lanes if lane.take(mapping["BatchSize"])]
        self.busy = bool(records or ready)
        return ready


class _Lane:
    """Records of some items, in their order."""

    def __init__(self) -> None:
        self.batch: Batch = []
        self.handled: Future[None] | None = None
        """What becomes of the batch."""
        self._waiting: Batch = []
        self._due = 0.0

    @property
    def idle(self) -> bool:
        return not self._waiting and not (self.handled and not self.handled.done())

    def add(self, record: dict[str, Any], mapping: Mapping) -> None:
        if not self._waiting:
            self._due = time.monotonic() + mapping.get("MaximumBatchingWindowInSeconds", 0)
        self._waiting.append(record)

    def take(self, size: int) -> bool:
        """Whether there is a next batch, which is `batch` then."""
        if self.handled and not self.handled.done():
            return False
        if self.handled:
            self.handled.result()
        full = len(self._waiting) >= size
        if not full and not (self._waiting and time.monotonic() >= self._due):
            return False
        self.batch, self._waiting = self._waiting[:size], self._waiting[size:]
        return True


def event_record(record: dict[str, Any], stream_arn: str) -> dict[str, Any]:
    """The element of a Lambda event's Records for what boto3's GetRecords returned."""
    event: dict[str, Any] = json.loads(json.dumps({**record, "eventSourceARN": stream_arn}, default=_plain))
    return event


def _plain(value: datetime | bytes) -> float | str:
    return value.timestamp() if isinstance(value, datetime) else base64.b64encode(value).decode()


def _shard_ids(streams: Any, stream: str) -> list[str]:
    description = streams.describe_stream(StreamArn=stream)["StreamDescription"]
    return [shard["ShardId"] for shard in description["Shards"]]


def _first_failure(batch: Batch, invocation: Invocation, response_types: list[str]) -> int | None:
    """The place in the batch of the first record that failed.

    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """
    if invocation.error:
        return 0
    answer = invocation.payload
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if "ReportBatchItemFailures" not in response_types or not failures:
        return None
    places = {record["dynamodb"]["SequenceNumber"]: place for place, record in enumerate(batch)}
    return min(places.get(failure.get("itemIdentifier"), 0) for failure in failures)


def _expired(batch: Batch, most_seconds: int) -> int:
    """How many records at the head of the batch are too old."""
    if most_seconds == -1:
        return 0
    now = time.time()
    ages = (now - record["dynamodb"]["ApproximateCreationDateTime"] for record in batch)
    return next((place for place, age in enumerate(ages) if age <= most_seconds), len(batch))


def _arrival(record: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(record['ApproximateCreationDateTime'], UTC):%Y-%m-%dT%H:%M:%SZ}"
