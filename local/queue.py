"""Feeds a queue to a function on this machine, as the deployed event source mapping says.

Messages that failed come again when the queue's visibility timeout is over, and go to its dead-letter queue when its
redrive policy says so: both is the embedded AWS's work. Where this differs from Lambda
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html):

- There are as many batches at once as `followers` says from the start, and never more.
- A batch that Lambda would refuse for want of concurrency waits here as one that failed.
- Batches are not limited to 6 MB, and messages are not filtered.
"""

import time
from threading import Lock
from typing import Any

from local.aws import client
from local.function import Function, Invocation, PayloadTooLargeError, ThrottledError
from local.poller import Mapping, Poller

#: The most that ReceiveMessage and DeleteMessageBatch take.
_CALL = 10

Message = dict[str, Any]


class QueuePoller(Poller):
    """Reads the queues that are mapped to a function, and invokes it; see Poller."""

    service = "sqs"
    followers = 4

    def __init__(
        self, function: Function, *, endpoint: str, region: str, poll_seconds: float = 0.25, **options: Any
    ) -> None:
        self._sqs, self._region = client("sqs", endpoint, region), region
        super().__init__(function, endpoint=endpoint, region=region, poll_seconds=poll_seconds, **options)
        self._turns = {source: Lock() for source in self._mappings}

    def _follow(self, source: str) -> None:
        url = self._sqs.get_queue_url(QueueName=source.rpartition(":")[2])["QueueUrl"]
        while not self._stopped.is_set():
            mapping = self._mappings[source]
            # One follower asks at a time, for an idle queue would be asked by each.
            with self._turns[source]:
                batch = self._receive(url, mapping)
                if not batch:
                    self._stopped.wait(self._poll_seconds)
            if batch:
                self._deliver(url, mapping, batch)

    def _receive(self, url: str, mapping: Mapping) -> list[Message]:
        """The next batch: full, or what came within the window after its first message."""
        batch: list[Message] = []
        until = 0.0
        while (rest := mapping["BatchSize"] - len(batch)) > 0:
            found = self._sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(rest, _CALL),
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            if found and not batch:
                until = time.monotonic() + mapping.get("MaximumBatchingWindowInSeconds", 0)
            batch += found
            if time.monotonic() >= until or self._stopped.is_set():
                break
            if not found:
                self._stopped.wait(self._poll_seconds)
        return batch

    def _deliver(self, url: str, mapping: Mapping, batch: list[Message]) -> None:
        event = {"Records": [self._record(message, mapping["EventSourceArn"]) for message in batch]}
        try:
            invocation = self._function.invoke(event)
        except (ThrottledError, PayloadTooLargeError):
            return
        failed = _failures(batch, invocation, mapping.get("FunctionResponseTypes", []))
        if failed:
            self._log(f"{self._function.name} failed for {len(failed)} of {len(batch)} messages")
        done = [message for message in batch if message["MessageId"] not in failed]
        for start in range(0, len(done), _CALL):
            self._sqs.delete_message_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]}
                    for place, message in enumerate(done[start : start + _CALL])
                ],
            )

    def _record(self, message: Message, source: str) -> dict[str, Any]:
        """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {
                name: {
                    "stringValue": value.get("StringValue"),
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": value["DataType"],
                }
                for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": source,
            "awsRegion": self._region,
        }


def _failures(batch: list[Message], invocation: Invocation, response_types: list[str]) -> set[str]:
    """The ids of the messages that come again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    everything = {message["MessageId"] for message in batch}
    if invocation.error:
        return everything
    answer = invocation.payload
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if "ReportBatchItemFailures" not in response_types or not failures:
        return set()
    failed = {failure.get("itemIdentifier") for failure in failures}
    return failed if failed <= everything else everything
