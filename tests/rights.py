"""The rights that the functions' calls to AWS need, and what the policy of a role says to them.

What each function calls is listed here. Its functional tests fail at a call that is not listed (`recorded`), and
tests/functional/functions/test_rights.py at one that is listed and not made; the policies of the deployed roles are
judged by the list in tests/e2e/test_rights.py, with moto's evaluator of policies.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from importlib import import_module
from itertools import product
from typing import Any, NamedTuple

import botocore.session
import pytest
from botocore.client import BaseClient
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.access_control import IAMPolicyStatement, PermissionResult

import storage.outbox
from runtime.sdk import make_client

#: The account, the region and the environment that the rights are judged in.
ACCOUNT, REGION, ENVIRONMENT = DEFAULT_ACCOUNT_ID, "us-east-1", "dev"
#: The environment's key, which has another id in each deployment.
KEY = "key/of-the-environment"
#: The bucket of its dead letters, whose name ends in a hash.
BUCKET = f"tracking-dlq-{ENVIRONMENT}-hash"
#: And of what sources sent that is no update.
QUARANTINE = f"tracking-quarantine-{ENVIRONMENT}-hash"
#: What the policies' conditions ask for.
CONDITION_KEYS = {"kms:ViaService", "cloudwatch:namespace"}
_TEST_ENVIRONMENT = re.compile(r"pr-[0-9a-f]{12}")


class Right(NamedTuple):
    """To do `action` with what `resource` names; `context` is the value of one of CONDITION_KEYS."""

    action: str
    resource: str
    context: str = ""


def rights(service: str, resource: str, *actions: str, via: str = "") -> set[Right]:
    """Rights on one resource; `resource` is what follows the account in its ARN, `via` a service that asks for it."""
    arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"
    return {Right(f"{service}:{action}", arn, via and f"{via}.{REGION}.amazonaws.com") for action in actions}


_TABLE, _SHIPMENTS, _REFERENCES, _IDEMPOTENCY = (
    f"table/tracking-{name}-{ENVIRONMENT}" for name in ("data", "shipments", "references", "idempotency")
)
_WEBHOOKS, _DELIVERIES = (f"table/tracking-{name}-{ENVIRONMENT}" for name in ("webhooks", "deliveries"))
_QUEUE, _EVENTS = (f"tracking-{name}-{ENVIRONMENT}" for name in ("deliveries", "webhook-events"))
_LETTERS = f"tracking-lambda-dlq-{ENVIRONMENT}"
_FLAGS = rights("ssm", f"parameter/logistics/features/{ENVIRONMENT}/flags", "GetParameters")
_CONFIG = rights("ssm", f"parameter/logistics/api/{ENVIRONMENT}/config", "GetParameters")

# What a service does in a function's name, so that no call of its code needs it; where AWS documents that.
#: Lambda developer guide, "Visualize Lambda function invocations using AWS X-Ray". Traces have no ARN.
_TRACES = {Right("xray:PutTraceSegments", "*"), Right("xray:PutTelemetryRecords", "*")}
#: The same, "Capturing records of Lambda asynchronous invocations" and "Retain discarded batch records".
_DEAD_LETTERS = rights("sqs", _LETTERS, "SendMessage")
_DISCARDED = {
    Right("s3:PutObject", f"arn:aws:s3:::{BUCKET}/*"),
    Right("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"),
}
#: The same, "Process DynamoDB records with Lambda".
_READS = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
_UPDATES_STREAM, _SHIPMENTS_STREAM = (
    rights("dynamodb", f"{table}/stream/*", *_READS) for table in (_TABLE, _SHIPMENTS)
)
#: SNS developer guide, "Key management": it uses a topic's key in the name of who publishes.
_TOPIC_KEY = rights("kms", KEY, "Decrypt", "GenerateDataKey*", via="sns")
#: Lambda developer guide, "Configuring SQS event source mappings".
_POLLS = ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")

#: For metrics that are sent without a log; the function's own go through its log. Metrics have no ARN.
_METRICS = {Right("cloudwatch:PutMetricData", "*", "LogisticsTracking")}


class Function(NamedTuple):
    """A function whose rights are proven: its name without the environment, what its code calls, and what services
    do in its name."""

    name: str
    calls: set[Right]
    services: set[Right]

    @property
    def needed(self) -> set[Right]:
        """With the lines that Lambda writes to the log (developer guide, "Sending logs to CloudWatch Logs")."""
        group = f"log-group:/aws/lambda/{self.name}-{ENVIRONMENT}:*"
        return self.calls | self.services | rights("logs", group, "CreateLogStream", "PutLogEvents")


#: By package.
FUNCTIONS = {
    "tracking": Function(
        "tracking-processor",
        rights("dynamodb", _TABLE, "PutItem", "Query")
        | rights("dynamodb", f"{_TABLE}/index/StatusIndex", "Query")
        | rights("dynamodb", _SHIPMENTS, "GetItem", "BatchGetItem")
        | rights("dynamodb", _REFERENCES, "Query")
        | rights("dynamodb", f"{_SHIPMENTS}/index/StatusIndex", "Query")
        | rights("dynamodb", f"{_SHIPMENTS}/index/StalledIndex", "Query")
        | rights("dynamodb", f"{_SHIPMENTS}/index/OverdueIndex", "Query")
        | rights("dynamodb", _IDEMPOTENCY, "PutItem")
        | _FLAGS
        | _CONFIG,
        _TRACES | _DEAD_LETTERS,
    ),
    "projector": Function(
        "tracking-projector",
        rights("dynamodb", _TABLE, "Query")
        | rights("dynamodb", _SHIPMENTS, "GetItem", "PutItem")
        | rights("dynamodb", _REFERENCES, "PutItem"),
        _TRACES | _DISCARDED | _UPDATES_STREAM,
    ),
    "deadlines": Function(
        "tracking-deadlines",
        rights("dynamodb", _SHIPMENTS, "GetItem", "PutItem")
        | rights("dynamodb", f"{_SHIPMENTS}/index/DueIndex", "Query"),
        _TRACES,
    ),
    "notifier": Function(
        "tracking-notifier",
        rights("sns", f"tracking-notifications-{ENVIRONMENT}", "Publish") | _FLAGS,
        _TRACES | _DISCARDED | _SHIPMENTS_STREAM | _TOPIC_KEY,
    ),
    "public": Function(
        "tracking-public",
        rights("dynamodb", _TABLE, "Query")
        | rights("dynamodb", _SHIPMENTS, "GetItem")
        | rights("dynamodb", _REFERENCES, "Query"),
        _METRICS,
    ),
    "inbound": Function(
        "tracking-inbound",
        rights("dynamodb", _TABLE, "PutItem", "Query")
        | rights("ssm", f"parameter/tracking/{ENVIRONMENT}/inbound/demo", "GetParameters")
        | {Right("s3:PutObject", f"arn:aws:s3:::{QUARANTINE}/*")},
        set(),
    ),
    "webhooks": Function(
        "tracking-webhooks",
        rights("dynamodb", _WEBHOOKS, "DeleteItem", "GetItem", "PutItem", "Scan", "UpdateItem")
        | rights("dynamodb", _DELIVERIES, "GetItem", "PutItem", "Query")
        | rights("sqs", _QUEUE, "SendMessage"),
        set(),
    ),
    "fanout": Function(
        "tracking-fanout",
        rights("dynamodb", _WEBHOOKS, "GetItem", "Scan", "UpdateItem")
        | rights("dynamodb", _DELIVERIES, "PutItem")
        | rights("sqs", _QUEUE, "SendMessage"),
        _TRACES | rights("sqs", _EVENTS, *_POLLS),
    ),
    "delivery": Function(
        "tracking-delivery",
        rights("dynamodb", _WEBHOOKS, "GetItem", "Scan", "UpdateItem")
        | rights("dynamodb", _DELIVERIES, "GetItem", "UpdateItem")
        | rights("dynamodb", f"{_DELIVERIES}/index/DueIndex", "Query")
        | rights("sqs", _QUEUE, "SendMessage"),
        _TRACES | rights("sqs", _QUEUE, *_POLLS),
    ),
}

#: What no function may do.
DENIED = (
    rights(
        "dynamodb", _TABLE, "Scan", "DeleteItem", "UpdateItem", "GetItem", "BatchWriteItem", "PartiQLSelect"
    )
    | rights("dynamodb", _TABLE, "DeleteTable", "UpdateTable", "ExportTableToPointInTime", "CreateBackup")
    | rights("dynamodb", f"{_TABLE}/index/StatusIndex", "Scan")
    | rights("dynamodb", f"{_TABLE}/index/Other", "Query")
    | rights("dynamodb", f"{_TABLE}-2", "PutItem", "Query")
    | rights("dynamodb", _SHIPMENTS, "Scan", "DeleteItem", "UpdateItem", "BatchWriteItem", "DeleteTable")
    | rights("dynamodb", _REFERENCES, "GetItem", "BatchGetItem", "Scan", "DeleteItem", "DeleteTable")
    | rights("dynamodb", f"{_SHIPMENTS}/index/StatusIndex", "Scan")
    | rights("dynamodb", f"{_SHIPMENTS}/index/DueIndex", "Scan")
    | rights("dynamodb", _IDEMPOTENCY, "GetItem", "Query", "Scan", "DeleteItem", "DeleteTable")
    | rights("dynamodb", "table/other", "PutItem", "Query", "GetItem")
    | rights("ssm", f"parameter/logistics/db/{ENVIRONMENT}/endpoint", "GetParameters", "GetParameter")
    | rights(
        "ssm", f"parameter/logistics/features/{ENVIRONMENT}/flags", "PutParameter", "GetParametersByPath"
    )
    | rights("ssm", "parameter/other", "GetParameters")
    | rights("ssm", f"parameter/tracking/{ENVIRONMENT}/inbound/other", "GetParameters")
    | rights("sns", f"tracking-alarms-{ENVIRONMENT}", "Publish", "Subscribe")
    | rights("sns", f"tracking-notifications-{ENVIRONMENT}", "Subscribe", "SetTopicAttributes")
    | rights("sns", "other", "Publish")
    | rights("sqs", _LETTERS, "ReceiveMessage", "DeleteMessage", "PurgeQueue")
    | rights("lambda", f"function:tracking-processor-{ENVIRONMENT}", "InvokeFunction", "UpdateFunctionCode")
    | rights(
        "logs", f"log-group:/aws/lambda/tracking-processor-{ENVIRONMENT}:*", "GetLogEvents", "DeleteLogGroup"
    )
    | rights("logs", "log-group:other:*", "PutLogEvents")
    | rights("kms", KEY, "Decrypt", via="s3")
    | rights("kms", KEY, "Encrypt", "ScheduleKeyDeletion", "PutKeyPolicy", via="sns")
    | {
        Right(
            "s3:GetObject", f"arn:aws:s3:::shipment-tracking-state-{REGION}/tracking/dev/terraform.tfstate"
        ),
        Right("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/other"),
        Right("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/tracking-lambda-role-{ENVIRONMENT}"),
        Right("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/tracking-lambda-role-{ENVIRONMENT}"),
    }
)


def elsewhere(right: Right) -> set[Right]:
    """The same right in another environment, account and region, as far as the ARN names one."""
    moves = {ENVIRONMENT: "prod", ACCOUNT: "999999999999", REGION: "eu-west-1"}
    return {
        right._replace(resource=re.sub(rf"\b{place}\b", other, right.resource))
        for place, other in moves.items()
    } - {right}


def beside(own: set[Right]) -> set[Right]:
    """Every other action of the same service on the same resource, and the same action on a neighbour of it."""
    session = botocore.session.get_session()
    found = set()
    for right in own:
        service = right.action.partition(":")[0]
        for name in session.get_service_model(service).operation_names:
            found.add(right._replace(action=f"{service}:{name}"))
        if not right.resource.endswith("*"):
            found.add(right._replace(resource=f"{right.resource}-2"))
    return {
        right
        for right in found
        if not any(fnmatchcase(right.action, one.action) and right[1:] == one[1:] for one in own)
    }


_SINGLE = {"PublishBatch": "Publish", "SendMessageBatch": "SendMessage"}


def _action(service: str, operation: str) -> str:
    # SNS and SQS have no actions of their own for batches (Service Authorization Reference).
    return f"{service}:{_SINGLE.get(operation, operation)}"


class Granted(NamedTuple):
    """An action and a resource of a policy, both with the policy's wildcards."""

    action: str
    resource: str
    condition: dict[str, Any]

    def covers(self, right: Right) -> bool:
        """Whether `right` is granted, by moto, which passes over operators and keys that it does not know."""
        for operator, keys in self.condition.items():
            assert operator == "StringEquals"
            assert keys.keys() <= CONDITION_KEYS
        statement = {"Effect": "Allow", "Action": self.action, "Resource": self.resource}
        verdict = IAMPolicyStatement({**statement, "Condition": self.condition}).is_action_permitted(
            right.action,
            right.resource,
            incoming_condition_values=dict.fromkeys(CONDITION_KEYS, right.context),
        )
        return verdict is PermissionResult.PERMITTED


def grants(policy: dict[str, Any]) -> list[Granted]:
    """What a policy grants, piece by piece: moto takes one unmet condition for a refusal of the whole."""
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
    return [
        Granted(action, resource, statement.get("Condition", {}))
        for statement in policy["Statement"]
        for action, resource in product(statement["Action"], statement["Resource"])
    ]


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
