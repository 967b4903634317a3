"""What a batch of the updates' stream costs until it is told: CPU time, calls to AWS, and time.

`python -m bench.notifier`: the projector, and the notifier with what the projector's writes bring it. Beside them runs
the usual style, which for each record asks for the status before and publishes. All have the same botocore
clients, whose requests are answered in this process CALL_SECONDS after they are to be sent.
"""

import contextlib
import io
import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from notifier.notifier import Notifier
from notifier.topic import Topic
from projector.projector import make_batches
from projector.records import Records
from runtime.sdk import make_client
from runtime.settings import SettingsSource
from runtime.telemetry import Telemetry
from shipments.deadlines import Deadlines

BATCH = 100
BATCHES = 10
#: What a query takes in the same region, as a rule.
CALL_SECONDS = 0.003
REGION = "us-east-1"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "POWERTOOLS_SERVICE_NAME": "tracking-notifier",
    "POWERTOOLS_METRICS_NAMESPACE": "LogisticsTracking",
}
CONTEXT = SimpleNamespace(aws_request_id="bench")

Record = dict[str, Any]
Handler = Callable[[list[Record]], object]


class Aws:
    """Clients that are answered at once; `calls` counts the operations."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.dynamodb, self.sns, self.ssm = (
            make_client(service, REGION) for service in ("dynamodb", "sns", "ssm")
        )
        for client in (self.dynamodb, self.sns, self.ssm):
            client.meta.events.register("before-send", self._answer)

    def _answer(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        self.calls[operation] += 1
        time.sleep(CALL_SECONDS)
        return AWSResponse(request.url, 200, {}, _Raw(ANSWERS[operation](request.body).encode()))


class _Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def _published(body: str) -> str:
    members = "".join(
        f"<member><Id>{value}</Id><MessageId>1</MessageId></member>"
        for name, value in parse_qsl(body)
        if name.endswith(".Id")
    )
    return (
        f"<PublishBatchResponse><PublishBatchResult><Successful>{members}</Successful><Failed/>"
        f"</PublishBatchResult></PublishBatchResponse>"
    )


def _put(body: Any) -> str:
    item = json.loads(body)["Item"]
    RECORDS[item["tracking_id"]["S"]] = item
    return "{}"


def _get(body: Any) -> str:
    item = RECORDS.get(json.loads(body)["Key"]["tracking_id"]["S"])
    return json.dumps({"Item": item} if item else {})


#: The records of shipments, by their ids.
RECORDS: dict[str, Any] = {}
_BEFORE = {"timestamp": {"N": "1"}, "status": {"S": "pending"}, "created_at": {"S": "2024-01-01 00:00:00"}}
ANSWERS: dict[str, Callable[[Any], str]] = {
    "Query": lambda _: json.dumps({"Items": [_BEFORE]}),
    "GetItem": _get,
    "PutItem": _put,
    "PublishBatch": _published,
    "Publish": lambda _: (
        "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"
    ),
    "GetParameters": lambda _: json.dumps(
        {"Parameters": [{"Name": "/flags", "Value": '{"real_time_notifications":true}'}]}
    ),
}


def records(shipments: int, changes: int) -> Iterator[Record]:
    """Records of so many shipments in turn; of 100, `changes` have a new status."""
    for number in itertools.count():
        changed = number % 100 < changes
        yield {
            "eventID": f"{number:032x}",
            "eventName": "INSERT",
            "dynamodb": {
                "SequenceNumber": str(number),
                "NewImage": {
                    "tracking_id": {"S": f"SHIP-{number % shipments}"},
                    "timestamp": {"N": str(1_735_689_600_000 + number)},
                    "status": {"S": ("in_transit", "delivered")[number // 100 % 2] if changed else "pending"},
                    "location": {"M": {"lat": {"N": "52.52"}, "lng": {"N": "13.405"}}},
                    "metadata": {"M": {"carrier": {"S": "DHL"}, "weight_kg": {"N": "1.5"}}},
                    "environment": {"S": "bench"},
                    "created_at": {"S": "2025-01-01 00:00:00"},
                },
            },
        }


def ours(aws: Aws) -> Handler:
    """The projector and the notifier, put together as in their packages."""
    telemetry = Telemetry("bench")
    records = Records(
        aws.dynamodb,
        updates="updates",
        shipments="shipments",
        references="references",
        shards=1,
        deadlines=Deadlines({"in_transit": 48}),
    )
    projector = make_batches(records, telemetry)
    notifier = Notifier(
        topic=Topic(aws.sns, "arn:aws:sns:us-east-1:123456789012:changes"),
        settings=SettingsSource(aws.ssm, telemetry, flags="/flags"),
        telemetry=telemetry,
    )

    def handle(batch: list[Record]) -> None:
        before = dict(RECORDS)
        projector.handle({"Records": batch}, CONTEXT)
        changes = [
            {
                "eventID": item["version"]["N"] + id,
                "eventName": "MODIFY",
                "dynamodb": {
                    "SequenceNumber": item["version"]["N"],
                    "NewImage": item,
                    **({"OldImage": before[id]} if id in before else {}),
                },
            }
            for id, item in RECORDS.items()
            if item is not before.get(id)
        ]
        notifier.handle({"Records": changes}, CONTEXT)

    return handle


def usual(aws: Aws) -> Handler:
    """A query for each record, and a call for each notification."""

    def handle(batch: list[Record]) -> None:
        for record in batch:
            image = record["dynamodb"]["NewImage"]
            before = aws.dynamodb.query(
                TableName="updates",
                KeyConditionExpression="tracking_id = :id AND #timestamp < :timestamp",
                ExpressionAttributeNames={"#timestamp": "timestamp"},
                ExpressionAttributeValues={":id": image["tracking_id"], ":timestamp": image["timestamp"]},
                ScanIndexForward=False,
                Limit=1,
            )["Items"]
            if not before or before[0]["status"] != image["status"]:
                attributes = {
                    name: {"DataType": "String", "StringValue": image[name]["S"]}
                    for name in ("tracking_id", "status")
                }
                aws.sns.publish(
                    TopicArn="arn:aws:sns:us-east-1:123456789012:changes",
                    Message=json.dumps({name: image[name] for name in ("tracking_id", "status", "location")}),
                    MessageAttributes=attributes,
                )

    return handle


def measure(make: Callable[[Aws], Handler], source: Iterator[Record]) -> dict[str, float]:
    """What the records of some batches take, by what it is."""
    RECORDS.clear()
    aws = Aws()
    handle = make(aws)
    batches = [list(itertools.islice(source, BATCH)) for _ in range(BATCHES + 1)]
    with contextlib.redirect_stdout(io.StringIO()):  # the log
        handle(batches.pop(0))
        aws.calls.clear()
        cpu, wall = time.process_time(), time.perf_counter()
        for batch in batches:
            handle(batch)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    number = BATCH * BATCHES
    return {
        "records/s": number / wall,
        "records/s of CPU": number / cpu,
        "calls/record": aws.calls.total() / number,
    }


@patch.dict(os.environ, ENVIRONMENT)
def main() -> None:
    """Measure, and print the table."""
    print(
        f"\nProjector and notifier: batches of {BATCH} records, {CALL_SECONDS * 1000:.0f} ms a call; "
        "the usual style in brackets"
    )
    for title, shipments, changes in (
        ("each of another shipment, all changed", BATCH, 100),
        ("each of another shipment, 1 in 10 changed", BATCH, 10),
        ("of 10 shipments, 1 in 10 changed", 10, 10),
    ):
        figures, base = (measure(make, records(shipments, changes)) for make in (ours, usual))
        cells = [f"{name} {value:8.2f} ({base[name]:.2f})" for name, value in figures.items()]
        print(f"  {title:42}", *cells, sep="  ")


if __name__ == "__main__":
    main()
