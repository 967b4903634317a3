"""The poller that stands in for the event source mapping of a queue, with functions in processes of their own."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from local.aws import client
from local.queue import QueuePoller
from local.stream import StreamPoller
from tests.functional.local.runner import REGION, Runner
from tests.stream_functions import eventually

HANDLER = """
    import json

    def handler(event, context):
        bodies = [record["body"] for record in event["Records"]]
        print("GIVEN", json.dumps(sorted(bodies)))
        print("RECORD", json.dumps(event["Records"][0]))
        if "CRASH" in bodies:
            raise ValueError("no good")
        return {"batchItemFailures": [
            {"itemIdentifier": "odd" if record["body"] == "ODD" else record["messageId"]}
            for record in event["Records"] if record["body"] in ("BAD", "ODD")
        ]}
"""


class Queues:
    """A queue with a dead-letter queue, mapped to a function."""

    def __init__(self, runner: Runner, stack: ExitStack, **mapping: Any) -> None:
        self.runner, self._stack = runner, stack
        self.sqs = client("sqs", runner.endpoint, REGION)
        self.function = runner(HANDLER)
        self.dead_letters, dead_letters = self._make(f"{self.function.name}-letters", {})
        redrive = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": 2}
        policy = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "3"}
        self.url, self.arn = self._make(self.function.name, policy)
        defaults = {"BatchSize": 10, "FunctionResponseTypes": ["ReportBatchItemFailures"]}
        runner.client.create_event_source_mapping(
            EventSourceArn=self.arn, FunctionName=self.function.name, **{**defaults, **mapping}
        )

    def _make(self, name: str, attributes: dict[str, str]) -> tuple[str, str]:
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]

    def send(self, *bodies: str, **options: Any) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **options)

    def poll(self) -> None:
        place: Any = {"endpoint": self.runner.endpoint, "region": REGION}
        self._stack.enter_context(
            QueuePoller(self.function, log=self.runner.log.append, poll_seconds=0.05, **place)
        )

    def printed(self, mark: str) -> list[Any]:
        lines = list(self.runner.log)
        return [json.loads(line.removeprefix(f"{mark} ")) for line in lines if line.startswith(f"{mark} ")]

    @property
    def bodies(self) -> list[str]:
        """What the function was given in all its batches."""
        return [body for batch in self.printed("GIVEN") for body in batch]

    def left(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))


@pytest.fixture
def make(runner: Runner) -> Callable[..., Queues]:
    return lambda **mapping: Queues(runner, runner.stack, **mapping)


def test_messages_come_once_and_are_gone(make: Callable[..., Queues]) -> None:
    queues = make()
    queues.send(*(f"m{number}" for number in range(25)))
    queues.poll()
    eventually(lambda: queues.left(queues.url) == 0)
    assert sorted(queues.bodies) == sorted(f"m{number}" for number in range(25))
    assert max(map(len, queues.printed("GIVEN"))) <= 10
    assert queues.left(queues.dead_letters) == 0


def test_a_record_has_lambdas_form(make: Callable[..., Queues]) -> None:
    queues = make()
    queues.send("a", MessageAttributes={"event": {"DataType": "String", "StringValue": "x"}})
    queues.poll()
    eventually(lambda: bool(queues.printed("RECORD")))
    (record,) = queues.printed("RECORD")
    assert record.pop("attributes").keys() >= {"ApproximateReceiveCount", "SentTimestamp"}
    assert record.pop("messageId")
    assert record.pop("receiptHandle")
    assert record == {
        "body": "a",
        "messageAttributes": {
            "event": {
                "stringValue": "x",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            }
        },
        "md5OfBody": "0cc175b9c0f1b6a831c399e269772661",
        "eventSource": "aws:sqs",
        "eventSourceARN": queues.arn,
        "awsRegion": REGION,
    }


def test_a_window_gathers_messages(make: Callable[..., Queues]) -> None:
    queues = make(BatchSize=100, MaximumBatchingWindowInSeconds=1)
    queues.send(*(f"m{number}" for number in range(25)))
    queues.poll()
    eventually(lambda: queues.left(queues.url) == 0)
    assert len(queues.bodies) == 25
    assert [len(bodies) for bodies in queues.printed("GIVEN")] == [25]


@pytest.mark.slow
@pytest.mark.parametrize(("body", "others_again"), [("BAD", False), ("CRASH", True), ("ODD", True)])
def test_what_fails_comes_again_and_becomes_a_dead_letter(
    make: Callable[..., Queues], body: str, others_again: bool
) -> None:
    queues = make(MaximumBatchingWindowInSeconds=1)
    queues.send("a", body)
    queues.poll()
    eventually(lambda: queues.left(queues.dead_letters) == (2 if others_again else 1))
    assert queues.bodies.count(body) == 2
    assert queues.bodies.count("a") == (2 if others_again else 1)
    assert queues.left(queues.url) == 0
    assert any("failed for" in line for line in queues.runner.log)


def test_without_partial_failures_the_answer_does_not_matter(make: Callable[..., Queues]) -> None:
    queues = make(FunctionResponseTypes=[])
    queues.send("BAD")
    queues.poll()
    eventually(lambda: queues.left(queues.url) == 0)
    assert queues.left(queues.dead_letters) == 0


def test_a_delay_is_kept(make: Callable[..., Queues]) -> None:
    queues = make()
    queues.poll()
    queues.send("later", DelaySeconds=1)
    queues.send("now")
    eventually(lambda: len(queues.printed("GIVEN")) == 2)
    assert queues.printed("GIVEN") == [["now"], ["later"]]


def test_a_mapping_of_another_kind_is_none(make: Callable[..., Queues]) -> None:
    queues = make()
    with pytest.raises(LookupError, match="No event source mapping feeds"):
        StreamPoller(queues.function, endpoint=queues.runner.endpoint, region=REGION)


def test_a_mapping_leaves_the_queue_readable(make: Callable[..., Queues]) -> None:
    queues = make()
    queues.send("a")
    (message,) = queues.sqs.receive_message(QueueUrl=queues.url, AttributeNames=["All"])["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
