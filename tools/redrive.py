"""`python -m tools.redrive [--dry-run]`: gives the notifier's dead letters to it once more.

A dead letter says where in the table's stream the records were that the notifier could not handle. The stream
keeps them for 24 hours. For that long they are fetched and sent to the function again, and a letter is deleted
once the function has handled all of its records. Later the letter stays, and the shipments are named whose
updates came in at that time.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import product
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import contract
from stacks.settings import SettingsError, load_settings
from storage.shards import index_key
from tools.failures import explain
from tools.streams import event_record
from tools.toolchain import ROOT

#: How much earlier than its arrival in the stream an update may say that it was made or that it came in.
OLDEST_EVENT, OLDEST_ARRIVAL = timedelta(days=1), timedelta(minutes=1)
#: An open shard may answer with nothing for a while before it goes on.
EMPTY_PAGES = 20

Record = dict[str, Any]


class DeadLetter(NamedTuple):
    """What Lambda puts into an on-failure destination for a batch of a stream.

    `function` and `table` are names, `stream` is an ARN.
    """

    function: str
    condition: str
    table: str
    stream: str
    shard: str
    start: int
    end: int
    first_arrival: datetime
    last_arrival: datetime

    @classmethod
    def parse(cls, text: str) -> "DeadLetter":
        """https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html; raises ValueError."""
        try:
            letter = json.loads(text)
            context, batch = letter["requestContext"], letter["DDBStreamBatchInfo"]
            return cls(
                context["functionArn"].split(":")[6],
                context["condition"],
                batch["streamArn"].split("/")[1],
                batch["streamArn"],
                batch["shardId"],
                int(batch["startSequenceNumber"]),
                int(batch["endSequenceNumber"]),
                datetime.fromisoformat(batch["approximateArrivalOfFirstRecord"]),
                datetime.fromisoformat(batch["approximateArrivalOfLastRecord"]),
            )
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise ValueError from error


class Redrive:
    """Works through a dead-letter queue, and prints what it does."""

    def __init__(self, region: str, environment: str) -> None:
        self._queue = f"tracking-lambda-dlq-{environment}"
        self._function, self._table = f"tracking-notifier-{environment}", f"tracking-data-{environment}"
        self._shards = contract.SHARDS_PARAMETER.format(environment=environment)
        self._sqs, self._streams, self._dynamodb, self._ssm = (
            boto3.client(service, region_name=region)
            for service in ("sqs", "dynamodbstreams", "dynamodb", "ssm")
        )
        # As long as Lambda may take, and once only: a second call would be a second run.
        once = Config(read_timeout=900, retries={"total_max_attempts": 1})
        self._lambda = boto3.client("lambda", region_name=region, config=once)

    def run(self, *, dry_run: bool) -> int:
        """Returns how many messages stay in the queue; with `dry_run`, all of them. Raises botocore's errors."""
        url = self._sqs.get_queue_url(QueueName=self._queue)["QueueUrl"]
        waiting = self._receive(url)
        total = len(waiting)
        print(f"{self._queue} holds {_count(total, 'dead letter')}.")
        try:
            for number, (id, message) in enumerate(list(waiting.items()), 1):
                done, said = self._handle(message["Body"], dry_run)
                print(f"  {number} of {total}: {said}", flush=True)
                if done:
                    self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    del waiting[id]
        finally:
            for message in waiting.values():
                with suppress(ClientError):  # it is visible again already
                    self._sqs.change_message_visibility(
                        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                    )
        return len(waiting)

    def _receive(self, url: str) -> dict[str, Any]:
        """All messages by id, in the order of the stream, as the function was to get them."""
        messages: dict[str, Any] = {}
        while True:
            page = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            new = {message["MessageId"]: message for message in page.get("Messages", [])}
            if new.keys() <= messages.keys():
                return dict(sorted(messages.items(), key=lambda item: _place(item[1]["Body"])))
            messages |= new

    def _handle(self, text: str, dry_run: bool) -> tuple[bool, str]:
        """Whether the letter is done with, and what to tell."""
        try:
            letter = DeadLetter.parse(text)
        except ValueError:
            return False, "no dead letter of a stream; it stays."
        # Whoever may write to the queue names both; what is read and invoked here, the operator's rights allow.
        if (letter.function, letter.table) != (self._function, self._table):
            return (
                False,
                f"not of {self._function} and {self._table}, but of {letter.function} and {letter.table}; it stays.",
            )
        records = self._records(letter)
        if records is None:
            shipments = sorted(set(self._shipments(letter)))
            return False, (
                f"the stream no longer has the records; it stays. Look at {', '.join(shipments) or 'no shipment'}, "
                f"updated between {letter.first_arrival} and {letter.last_arrival}."
            )
        shipments = sorted({record["dynamodb"]["Keys"]["tracking_id"]["S"] for record in records})
        batch = f"{_count(len(records), 'record')} ({letter.condition}) of {', '.join(shipments)}"
        if dry_run:
            return False, f"would send {batch} to {self._function}."
        response = self._lambda.invoke(
            FunctionName=self._function, Payload=json.dumps({"Records": records}).encode()
        )
        answer = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            return False, f"{self._function} failed again on {batch}; it stays."
        if failures := (answer or {}).get("batchItemFailures"):
            return False, f"{self._function} failed again on {len(failures)} of {batch}; it stays."
        return True, f"sent {batch} to {self._function}."

    def _records(self, letter: DeadLetter) -> list[Record] | None:
        """The letter's records, without those that the mapping filters out; None if the stream lacks any."""
        found, empty = [], 0
        try:
            iterator = self._streams.get_shard_iterator(
                StreamArn=letter.stream,
                ShardId=letter.shard,
                ShardIteratorType="AT_SEQUENCE_NUMBER",
                SequenceNumber=str(letter.start),
            )["ShardIterator"]
            while iterator and empty < EMPTY_PAGES:
                page = self._streams.get_records(ShardIterator=iterator)
                for record in page["Records"]:
                    if record["eventName"] == contract.STREAM_EVENT:
                        found.append(event_record(record, letter.stream))
                    if int(record["dynamodb"]["SequenceNumber"]) >= letter.end:
                        return found
                empty = 0 if page["Records"] else empty + 1
                iterator = page.get("NextShardIterator")
        except (
            self._streams.exceptions.ResourceNotFoundException,
            self._streams.exceptions.TrimmedDataAccessException,
        ):
            pass
        return None

    def _shipments(self, letter: DeadLetter) -> Iterator[str]:
        """The shipments with updates that came in when the letter's records did, and were at most a day old."""
        pages = self._dynamodb.get_paginator("query")
        shards = int(self._ssm.get_parameter(Name=self._shards)["Parameter"]["Value"])
        for status, shard in product(contract.STATUSES, range(shards)):
            for page in pages.paginate(
                TableName=self._table,
                IndexName=contract.STATUS_INDEX,
                KeyConditionExpression="#status = :status AND #timestamp BETWEEN :oldest AND :newest",
                FilterExpression="created_at BETWEEN :first AND :last",
                ProjectionExpression="tracking_id",
                ExpressionAttributeNames={"#status": contract.STATUS_KEY, "#timestamp": "timestamp"},
                ExpressionAttributeValues={
                    ":status": index_key(status, shard),
                    ":oldest": {"N": _milliseconds(letter.first_arrival - OLDEST_EVENT)},
                    ":newest": {"N": _milliseconds(letter.last_arrival + OLDEST_EVENT)},
                    ":first": {"S": f"{letter.first_arrival - OLDEST_ARRIVAL:%Y-%m-%d %H:%M:%S}"},
                    ":last": {"S": f"{letter.last_arrival:%Y-%m-%d %H:%M:%S}"},
                },
            ):
                for item in page["Items"]:
                    yield item["tracking_id"]["S"]


def _place(text: str) -> tuple[str, int]:
    try:
        letter = DeadLetter.parse(text)
    except ValueError:
        return "", 0
    return letter.shard, letter.start


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def main() -> None:
    """Raises SystemExit: with 1 if dead letters are left, or with one plain sentence for what goes wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.redrive", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    dry_run = parser.parse_args().dry_run
    try:
        settings = load_settings(ROOT / "cdktf.json", os.environ)
        left = Redrive(settings.region, settings.environment).run(dry_run=dry_run)
    except (BotoCoreError, ClientError, SettingsError) as error:
        sys.exit(f"Error: {explain(str(error)) or error}")
    if left and not dry_run:
        sys.exit(f"Left: {_count(left, 'dead letter')}.")


if __name__ == "__main__":
    main()
