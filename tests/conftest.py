"""What the tests share: one embedded AWS, and in it the table that the stack declares."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from xdist.scheduler import LoadScopeScheduling

from local.aws import EmbeddedAws
from stacks import bindings

REGION = "us-east-1"
# Before a test imports a stack, and with it all of the bindings.
bindings.load_lazily()


#: The files of tests/e2e that deploy something of their own; the others share one deployment, which takes minutes.
OWN_DEPLOYMENT = {"test_environments.py", "test_up.py"}


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps in one process the tests of a file, those that share the deployment, and those of synthesized stacks."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        if file.parent.name == "e2e" and file.name not in OWN_DEPLOYMENT:
            return "deployment"
        return "unit" if file.is_relative_to("tests/unit") else str(file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long is begun first, so that at the end no process is left alone with it."""
    items.sort(key=lambda item: item.path.parent.name != "e2e" and not item.get_closest_marker("slow"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Xdist's own groups are lost with pytest 9.2, which takes no new node ids."""
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the embedded AWS is asked while a test has it recorded; see tests/conformance.py."""
    return tmp_path_factory.mktemp("aws") / "requests.jsonl"


@pytest.fixture(scope="session")
def aws(recording: Path) -> Iterator[EmbeddedAws]:
    """The embedded AWS, with boto3 and botocore pointed at it; tests share it, so each names its own things."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_RECORDER_FILEPATH", str(recording))
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        with EmbeddedAws() as server:
            for name, value in server.environment(REGION).items():
                patch.setenv(name, value)
            yield server


def environment_suffix() -> str:
    """The name of a new environment; what a test makes is named as the stacks name it there."""
    return f"pr-{uuid.uuid4().hex[:12]}"


class Tables(NamedTuple):
    """Names of tables."""

    updates: str
    shipments: str
    references: str
    idempotency: str


@pytest.fixture(scope="module")
def tables(aws: EmbeddedAws) -> Tables:
    """Tables with the keys and the index that the stack gives them, which the tests of a file share.

    Each has its shipments there. To read an index, the embedded AWS looks at all items of a table.
    """
    suffix = environment_suffix()
    names = Tables(
        *(f"tracking-{name}-{suffix}" for name in ("data", "shipments", "references", "idempotency"))
    )
    dynamodb = boto3.client("dynamodb")
    for table, keys, index_time in (
        (names.updates, ("tracking_id", "timestamp"), "timestamp"),
        (names.shipments, ("tracking_id",), "since"),
    ):
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=key_schema(*keys),
            AttributeDefinitions=attributes(tracking_id="S", status="S", **{index_time: "N"}),
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "StatusIndex",
                    "KeySchema": key_schema("status", index_time),
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
    create_references(names.references)
    dynamodb.create_table(
        TableName=names.idempotency,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=key_schema("id"),
        AttributeDefinitions=attributes(id="S"),
    )
    return names


def create_references(table: str) -> None:
    """Makes a table of references with the keys that the stack gives it."""
    boto3.client("dynamodb").create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=key_schema("reference", "tracking_id"),
        AttributeDefinitions=attributes(reference="S", tracking_id="S"),
    )


def key_schema(*names: str) -> list[Any]:
    """DynamoDB's, of a hash key and perhaps a range key."""
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
    ]


def attributes(**types: str) -> list[Any]:
    """DynamoDB's definitions of attributes, by their types."""
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]
