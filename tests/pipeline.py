"""The tables with their streams, a topic with a queue that is subscribed to it, and what is needed to look at them."""

import json
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from functools import cache, partialmethod
from typing import Any

import boto3

import contract
from local.stream import event_record
from projector.records import Records
from runtime.aws import Client
from shipments.deadlines import Deadlines
from shipments.shipment import StoredUpdate
from shipments.update import Update
from storage.shards import Shards
from storage.updates import UpdateStore
from tests.conftest import REGION, attributes, create_references, environment_suffix, key_schema

SHARDS = 8
STALLED_AFTER_HOURS = {"pending": 72, "in_transit": 48}
#: Making a client takes longer than a test.
_client = cache(boto3.client)


class Stream:
    """A table of its own with an index by status over `time`, `sparse` ones, and a stream."""

    def __init__(self, table: str, keys: dict[str, str], time: str, *sparse: contract.Index) -> None:
        self.table = table
        self._streams = _client("dynamodbstreams")
        indexes = [contract.Index(contract.STATUS_INDEX, contract.STATUS_KEY, time), *sparse]
        types = {**keys, **{index.key: "S" for index in indexes}, **{index.time: "N" for index in indexes}}
        described = _client("dynamodb").create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=key_schema(*keys),
            AttributeDefinitions=attributes(**types),
            GlobalSecondaryIndexes=[
                {
                    "IndexName": index.name,
                    "KeySchema": key_schema(index.key, index.time),
                    "Projection": {"ProjectionType": "KEYS_ONLY" if index.keys_only else "ALL"},
                }
                for index in indexes
            ],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]
        self.arn = described["LatestStreamArn"]
        shard = self._streams.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"][0]
        self.shard = shard["ShardId"]
        self._iterator = self._streams.get_shard_iterator(
            StreamArn=self.arn, ShardId=self.shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    def records(self) -> list[dict[str, Any]]:
        """What has come into the stream since the last call, as Lambda gives it to a function."""
        page = self._streams.get_records(ShardIterator=self._iterator)
        self._iterator = page["NextShardIterator"]
        return [event_record(record, self.arn) for record in page["Records"]]


class Pipeline:
    """Tables, a dead-letter queue, and a topic. What `notifications` returns came from the topic's queue."""

    def __init__(self) -> None:
        suffix = environment_suffix()
        self.environment_suffix = suffix
        self._dynamodb, self._sns, self._sqs, self._s3 = map(_client, ("dynamodb", "sns", "sqs", "s3"))
        keys = {"tracking_id": "S", "timestamp": "N"}
        self.updates = Stream(f"tracking-data-{suffix}", keys, "timestamp")
        self.shipments = Stream(
            f"tracking-shipments-{suffix}",
            {"tracking_id": "S"},
            contract.STATUS_SINCE,
            contract.DUE_INDEX,
            contract.STALLED_INDEX,
            contract.OVERDUE_INDEX,
        )
        self.references = f"tracking-references-{suffix}"
        create_references(self.references)
        self.projection = Records(
            self._dynamodb,
            updates=self.updates.table,
            shipments=self.shipments.table,
            references=self.references,
            shards=SHARDS,
            deadlines=Deadlines(STALLED_AFTER_HOURS),
        )
        self.topic = self._sns.create_topic(Name=f"tracking-notifications-{suffix}")["TopicArn"]
        self.queue = self.subscribe()
        self.dead_letter_url = self._sqs.create_queue(QueueName=f"tracking-lambda-dlq-{suffix}")["QueueUrl"]
        self.dead_letter_bucket = f"tracking-dlq-{suffix}"
        self._make_bucket()
        # Of any number of shards nobody but the status index may take notice.
        self._store = UpdateStore(
            Client("dynamodb", REGION), self.updates.table, "test", Shards(SHARDS, SHARDS)
        )
        _client("ssm").put_parameter(
            Name=contract.SHARDS_PARAMETER.format(environment=suffix), Value=str(SHARDS), Type="String"
        )

    @property
    def environment(self) -> dict[str, str]:
        """What of this the functions' environment variables say."""
        return {
            contract.TABLE_NAME: self.updates.table,
            contract.SHIPMENTS_TABLE: self.shipments.table,
            contract.REFERENCES_TABLE: self.references,
            contract.STATUS_INDEX_SHARDS: str(SHARDS),
            contract.STATUS_INDEX_SHARDS_READ: str(SHARDS),
            contract.STALLED_AFTER_HOURS: json.dumps(STALLED_AFTER_HOURS),
            contract.TOPIC_ARN: self.topic,
            contract.REGION: REGION,
        }

    def subscribe(self, **policy: Any) -> str:
        """A new queue with raw delivery from the topic, by `policy` if there is one; returns its URL."""
        url: str = self._sqs.create_queue(QueueName=f"subscriber-{uuid.uuid4()}")["QueueUrl"]
        self._sns.subscribe(
            TopicArn=self.topic,
            Protocol="sqs",
            Endpoint=self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
                "QueueArn"
            ],
            Attributes={"RawMessageDelivery": "true"}
            | ({"FilterPolicy": json.dumps(policy)} if policy else {}),
        )
        return url

    def store(
        self,
        tracking_id: str,
        status: str,
        timestamp: int | None = None,
        *,
        now: int | None = None,
        lat: Decimal | int | None = 52,
        projected: bool = False,
        **optional: Any,
    ) -> int:
        """Store an update with an event time (default: its arrival) that came in at `now`, both in ms.

        Without a latitude it has no location; `optional` are the fields that an update may have. If it is `projected`,
        the shipment's record has it too.
        """
        location = None if lat is None else {"lat": lat, "lng": 13}
        update = Update(tracking_id, status, location, None, timestamp, optional)
        now = now or int(time.time() * 1000)
        timestamp = self._store.put(update, now=now, arrived=now, deadline=time.monotonic() + 10)
        if projected:
            self.projection.add([StoredUpdate(tracking_id, timestamp, status, location, **optional)])
        return timestamp

    #: Stores an update, and adds it to the shipment's record.
    put = partialmethod(store, projected=True)

    def put_poison(self, tracking_id: str) -> None:
        """Store items that are no update and no record."""
        item = {"tracking_id": {"S": tracking_id}, "timestamp": {"N": "1"}, "status": {"S": "lost"}}
        for table in (self.updates.table, self.shipments.table):
            self._dynamodb.put_item(TableName=table, Item=item)

    def notifications(self, queue: str | None = None) -> list[tuple[dict[str, str], dict[str, Any]]]:
        """The attributes and the bodies of the notifications since the last call."""
        return [
            (
                {name: value["StringValue"] for name, value in message["MessageAttributes"].items()},
                json.loads(message["Body"]),
            )
            for message in self._drain(queue or self.queue)
        ]

    def changes(self, queue: str | None = None) -> list[tuple[str, str | None, str]]:
        """The notifications since the last call as (shipment, previous status, status)."""
        return [
            (body["tracking_id"], body["previous_status"], body["status"])
            for _, body in self.notifications(queue)
        ]

    def dead_letters(self) -> list[dict[str, Any]]:
        """The dead letters, in the order in which they came."""
        listed = self._s3.list_objects_v2(Bucket=self.dead_letter_bucket).get("Contents", [])
        items = sorted(listed, key=lambda item: item["LastModified"])
        bodies = (
            self._s3.get_object(Bucket=self.dead_letter_bucket, Key=item["Key"])["Body"] for item in items
        )
        return [json.load(body) for body in bodies]

    def send_dead_letter(self, dead_letter: dict[str, Any]) -> None:
        """Puts a dead letter into the bucket."""
        key = f"aws/lambda/{uuid.uuid4()}"
        self._s3.put_object(Bucket=self.dead_letter_bucket, Key=key, Body=json.dumps(dead_letter).encode())

    def announcements(self) -> int:
        """How many messages the dead-letter queue holds: at least one for each dead letter."""
        name = "ApproximateNumberOfMessages"
        found = self._sqs.get_queue_attributes(QueueUrl=self.dead_letter_url, AttributeNames=[name])
        return int(found["Attributes"][name])

    def _make_bucket(self) -> None:
        """A bucket whose objects the dead-letter queue is told of, as the stack makes it."""
        self._s3.create_bucket(Bucket=self.dead_letter_bucket)
        self._s3.put_bucket_notification_configuration(
            Bucket=self.dead_letter_bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [self.dead_letter_bucket]}}}
        rule = f"tracking-dead-letters-{self.environment_suffix}"
        _client("events").put_rule(Name=rule, EventPattern=json.dumps(pattern))
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self.dead_letter_url, AttributeNames=["QueueArn"]
        )
        queue = attributes["Attributes"]["QueueArn"]
        _client("events").put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": queue}])

    def _drain(self, url: str) -> Iterator[dict[str, Any]]:
        while found := self._sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            self._sqs.delete_message_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(found)
                ],
            )
            yield from found
