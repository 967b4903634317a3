"""Finds out which rights the functions' calls to AWS need."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
from botocore.client import BaseClient

import storage.outbox
from runtime.sdk import make_client
from tests.rights import ACCOUNT, ENVIRONMENT, FUNCTIONS, Right

_TEST_ENVIRONMENT = re.compile(r"pr-[0-9a-f]{12}")
_SINGLE = {"PublishBatch": "Publish", "SendMessageBatch": "SendMessage"}


def _action(service: str, operation: str) -> str:
    # SNS and SQS have no actions of their own for batches (Service Authorization Reference).
    return f"{service}:{_SINGLE.get(operation, operation)}"


@contextmanager
def recorded() -> Iterator[dict[str, set[Right]]]:
    """The rights that the calls of each function need from now on, as if they were made in ENVIRONMENT.

    Not those of functions that run in processes of their own.
    """
    found: dict[str, set[Right]] = defaultdict(set)
    with pytest.MonkeyPatch.context() as patch:
        for function in FUNCTIONS:
            wiring = import_module(f"{function}.wiring")
            for maker in ("Client", "make_client"):
                if hasattr(wiring, maker):
                    patch.setattr(wiring, maker, _recording(found[function], getattr(wiring, maker)))
            if hasattr(wiring, "make_outbox"):
                patch.setattr(wiring, "make_outbox", _recording_outbox(found[function]))
        yield found


def _recording_outbox(found: set[Right]) -> Any:
    """What functions share makes their clients."""

    def make(environment: Mapping[str, str]) -> storage.outbox.Outbox:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(storage.outbox, "make_client", _recording(found, make_client))
            return storage.outbox.make_outbox(environment)

    return make


def _recording(found: set[Right], make_client: Any) -> Any:
    def make(service: str, region: str, **options: Any) -> Any:
        client = make_client(service, region, **options)

        def keep(operation: str, params: dict[str, Any]) -> None:
            for action, resource in _needed(service, region, operation, params):
                found.add(Right(action, _TEST_ENVIRONMENT.sub(ENVIRONMENT, resource)))

        def call(operation: str, **params: Any) -> Any:
            keep(operation, params)
            return sent(operation, **params)

        if isinstance(client, BaseClient):
            client.meta.events.register(
                "provide-client-params", lambda params, model, **_: keep(model.name, params)
            )
        else:
            sent, client.call = client.call, call
        return client

    return make


def _needed(service: str, region: str, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(action, resource), as the Service Authorization Reference has them for an operation."""
    action, prefix = _action(service, operation), f"arn:aws:{service}:{region}:{ACCOUNT}"
    match service, params:
        case "dynamodb", {"TableName": table, "IndexName": index}:
            yield action, f"{prefix}:table/{table}/index/{index}"
        case "dynamodb", {"TableName": table}:
            yield action, f"{prefix}:table/{table}"
        case "dynamodb", {"TransactItems": items}:
            # DynamoDB developer guide, "Managing complex workflows with transactions".
            for member in items:
                ((kind, write),) = member.items()
                yield f"dynamodb:{kind}Item", f"{prefix}:table/{write['TableName']}"
        case "dynamodb", {"RequestItems": tables}:
            yield from ((action, f"{prefix}:table/{table}") for table in tables)
        case "ssm", {"Names": names}:
            yield from ((action, f"{prefix}:parameter{name}") for name in names)
        case "s3", {"Bucket": bucket, "Key": _}:
            yield action, f"arn:aws:s3:::{bucket}/*"
        case "sns", {"TopicArn": topic}:
            yield action, topic
        case "sqs", {"QueueUrl": url}:
            yield action, f"{prefix}:{url.rpartition('/')[2]}"
        case _:  # granted to nobody until it has a line here
            yield action, "unknown"
