"""`python -m tools.redrive [--dry-run]`: gives functions once more what they could not handle.

A dead letter is an object with the records of a table's stream that the projector or the notifier could not handle.
Its records are sent to the function again, and it is deleted once the function has handled all of them; so is the
message that the queue got of it, with which the alarm ends.

What sources sent to the partners' API that was no update is mapped again by the inbound function, and deleted if all of
it was an update this time, or of no interest.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stacks.settings import SettingsError, load_settings
from tools.failures import explain
from tools.toolchain import ROOT

#: As long as Lambda may take, and once only: a second call would be a second run.
ONCE = Config(read_timeout=900, retries={"total_max_attempts": 1})


class Redrive:
    """Works through the dead letters of an environment, and prints what it does. Raises botocore's errors."""

    def __init__(self, region: str, environment: str) -> None:
        self._s3, self._sqs = (boto3.client(name, region_name=region) for name in ("s3", "sqs"))
        self._lambda = boto3.client("lambda", region_name=region, config=ONCE)
        self._functions = [f"tracking-{name}-{environment}" for name in ("projector", "notifier")]
        self._queue = self._sqs.get_queue_url(QueueName=f"tracking-lambda-dlq-{environment}")["QueueUrl"]
        # The bucket's name ends in a hash; the rule that announces its objects has it.
        rule = boto3.client("events", region_name=region).describe_rule(
            Name=f"tracking-dead-letters-{environment}"
        )
        (self._bucket,) = json.loads(rule["EventPattern"])["detail"]["bucket"]["name"]

    def run(self, *, dry_run: bool) -> int:
        """Returns how many dead letters and other messages stay; with `dry_run` it only prints what it would do."""
        letters = sorted((*_place(self._read(key)), key) for key in self._keys())
        print(f"{self._bucket} holds {_count(len(letters), 'dead letter')}.")
        for number, (_, _, key) in enumerate(letters, 1):
            done, said = self._handle(self._read(key), dry_run)
            print(f"  {number} of {len(letters)}: {said}", flush=True)
            if done:
                self._s3.delete_object(Bucket=self._bucket, Key=key)
        return 0 if dry_run else self._clear_queue()

    def _keys(self) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        return (key for key in pages.search("Contents[].Key") if key)  # None of an empty page

    def _read(self, key: str) -> Any:
        return json.load(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"])

    def _handle(self, letter: Any, dry_run: bool) -> tuple[bool, str]:
        """Whether the letter is done with, and what to tell."""
        records = letter["payload"]["Records"]
        shipments = sorted({record["dynamodb"]["Keys"]["tracking_id"]["S"] for record in records})
        condition = letter["requestContext"]["condition"]
        batch = f"{_count(len(records), 'record')} ({condition}) of {', '.join(shipments)}"
        arn = letter["requestContext"]["functionArn"]
        function = next((name for name in self._functions if f":function:{name}:" in f"{arn}:"), None)
        if function is None:  # whoever can write to the bucket is not to choose what is invoked
            return False, f"{batch} are of {arn}, which is not a function of this environment; it stays."
        if dry_run:
            return False, f"would send {batch} to {function}."
        payload = json.dumps(letter["payload"]).encode()
        response = self._lambda.invoke(FunctionName=function, Payload=payload)
        answer = json.loads(response["Payload"].read()) or {}
        failed = records if "FunctionError" in response else answer.get("batchItemFailures")
        if failed:
            return False, f"{function} failed again on {len(failed)} of {batch}; it stays."
        return True, f"sent {batch} to {function}."

    def _clear_queue(self) -> int:
        """Deletes the messages of the letters that are gone; returns how many letters and other messages are left."""
        messages = []
        while page := self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        ).get("Messages"):
            messages += page
        # Listed after the messages were received: what comes in meanwhile keeps its message.
        left, others = set(self._keys()), 0
        for message in messages:
            place = {"QueueUrl": self._queue, "ReceiptHandle": message["ReceiptHandle"]}
            key = _announced(message["Body"])
            if key and key not in left:
                self._sqs.delete_message(**place)
                continue
            others += key is None
            with suppress(ClientError):  # it is visible again already
                self._sqs.change_message_visibility(**place, VisibilityTimeout=0)
        if others:
            print(f"The queue holds {_count(others, 'message')} about something else.")
        return len(left) + others


class Quarantine:
    """Works through what sources sent that is no update. Raises botocore's errors."""

    def __init__(self, region: str, environment: str) -> None:
        self._s3 = boto3.client("s3", region_name=region)
        self._lambda = boto3.client("lambda", region_name=region, config=ONCE)
        self._function = f"tracking-inbound-{environment}"
        prefix = f"tracking-quarantine-{environment}-"
        listed = self._s3.list_buckets(Prefix=prefix, BucketRegion=region)["Buckets"]
        self._buckets = [
            bucket["Name"] for bucket in listed if re.fullmatch(f"{prefix}[0-9a-f]{{12}}", bucket["Name"])
        ]

    def run(self, *, dry_run: bool) -> int:
        """Returns how many messages stay; with `dry_run` it only prints what it would do."""
        left = 0
        for bucket in self._buckets:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            keys = [key for key in pages.search("Contents[].Key") if key]
            print(f"{bucket} holds {_count(len(keys), 'message')}.")
            for number, key in enumerate(keys, 1):
                done, said = self._handle(bucket, key, dry_run)
                print(f"  {number} of {len(keys)}: {said}", flush=True)
                left += not done
        return 0 if dry_run else left

    def _handle(self, bucket: str, key: str, dry_run: bool) -> tuple[bool, str]:
        """Whether the message is done with, and what to tell, which is nothing of what it says."""
        if dry_run:
            return False, f"would map {key} again."
        message = json.load(self._s3.get_object(Bucket=bucket, Key=key)["Body"])
        response = self._lambda.invoke(
            FunctionName=self._function, Payload=json.dumps({"kept": message}).encode()
        )
        answer = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            return False, f"{self._function} failed on {key}; it stays."
        if answer["reasons"]:
            return False, f"{_count(len(answer['reasons']), 'event')} of {key} are still no update; it stays."
        self._s3.delete_object(Bucket=bucket, Key=key)
        return True, f"stored {_count(answer['stored'], 'update')} of {key}."


def _place(letter: Any) -> tuple[str, int]:
    """Where in the stream its records begin: the function was to get them in this order."""
    return letter["DDBStreamBatchInfo"]["shardId"], int(letter["DDBStreamBatchInfo"]["startSequenceNumber"])


def _announced(body: str) -> str | None:
    """The key of the object that a message of the queue is about; None if it is about something else."""
    try:
        return str(json.loads(body)["detail"]["object"]["key"])
    except (KeyError, TypeError, ValueError):
        return None


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def main() -> None:
    """Raises SystemExit: with 1 if anything is left, or with one plain sentence for what goes wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.redrive", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    dry_run = parser.parse_args().dry_run
    try:
        settings = load_settings(ROOT / "cdktf.json", os.environ)
        left = Redrive(settings.region, settings.environment).run(dry_run=dry_run)
        kept = Quarantine(settings.region, settings.environment).run(dry_run=dry_run)
    except (BotoCoreError, ClientError, SettingsError) as error:
        sys.exit(f"Error: {explain(str(error)) or error}")
    if counts := [
        _count(number, thing) for number, thing in ((left, "dead letter"), (kept, "message")) if number
    ]:
        sys.exit(f"Left: {', '.join(counts)}.")


if __name__ == "__main__":
    main()
