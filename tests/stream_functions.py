"""Functions that are fed a table's stream, in processes of their own."""

import json
import textwrap
import time
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import boto3

from local.function import Function
from local.stream import StreamPoller
from stacks.package import build
from tests.conftest import REGION
from tests.pipeline import Pipeline, Stream

T = TypeVar("T")

#: Reports what it is given, and fails as the ids of the shipments say.
HANDLER = """
    import json, time

    def handler(event, context):
        ids = [record["dynamodb"]["Keys"]["tracking_id"]["S"] for record in event["Records"]]
        print("GIVEN", json.dumps([record["eventName"][0] + id for record, id in zip(event["Records"], ids)]))
        if any(id.startswith("CRASH") for id in ids):
            raise ValueError("no good")
        return {"batchItemFailures": [
            {"itemIdentifier": record["dynamodb"]["SequenceNumber"]}
            for record, id in zip(event["Records"], ids) if id.startswith("BAD")
        ]}
"""

MAPPING: dict[str, Any] = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "StartingPosition": "TRIM_HORIZON",
    "FilterCriteria": {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT"]})}]},
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 2,
    "MaximumRecordAgeInSeconds": 3600,
}


#: What else the notifier is given.
CHANGES = {"FilterCriteria": {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT", "MODIFY"]})}]}}


class StreamFunctions:
    """A pipeline, and functions that its stream is mapped to; `log` is what they print."""

    def __init__(self, endpoint: str, stack: ExitStack, folder: Path) -> None:
        self.pipeline = Pipeline()
        self._endpoint = endpoint
        self._stack = stack
        self._folder = folder
        self._lambda = boto3.client("lambda")
        self.log: list[str] = []

    def deploy(self, **settings: Any) -> Function:
        """A function with HANDLER, by a mapping that is MAPPING but for `settings`."""
        package = self._folder / "function.zip"
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("main.py", textwrap.dedent(HANDLER))
        return self._deploy("notifier", self.pipeline.updates, package, "main.handler", {}, settings)

    def deploy_projector(self, environment: dict[str, str]) -> Function:
        """The projector as it is built, of the pipeline's updates."""
        variables = environment | self.pipeline.environment
        handler = "projector.handler.handler"
        return self._deploy("projector", self.pipeline.updates, build("projector"), handler, variables, {})

    def deploy_notifier(self, environment: dict[str, str], **settings: Any) -> Function:
        """The notifier as it is built, of the pipeline's shipments."""
        variables = environment | self.pipeline.environment
        handler, settings = "notifier.handler.handler", {**CHANGES, **settings}
        return self._deploy(
            "notifier", self.pipeline.shipments, build("notifier"), handler, variables, settings
        )

    def deploy_inbound(self, environment: dict[str, str]) -> Function:
        """The inbound function as it is built, which nothing is mapped to."""
        variables = environment | self.pipeline.environment
        return self._create("inbound", build("inbound"), "inbound.handler.handler", variables)

    def _deploy(
        self,
        called: str,
        stream: Stream,
        package: Path,
        handler: str,
        variables: dict[str, str],
        settings: dict[str, Any],
    ) -> Function:
        function = self._create(called, package, handler, variables)
        self._lambda.create_event_source_mapping(
            EventSourceArn=stream.arn,
            FunctionName=function.name,
            DestinationConfig={
                "OnFailure": {"Destination": f"arn:aws:s3:::{self.pipeline.dead_letter_bucket}"}
            },
            **{**MAPPING, **settings},
        )
        return function

    def _create(self, called: str, package: Path, handler: str, variables: dict[str, str]) -> Function:
        name = f"tracking-{called}-{self.pipeline.environment_suffix}"
        role = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        self._lambda.create_function(
            FunctionName=name,
            Role=role["Role"]["Arn"],
            Runtime="python3.13",
            Handler=handler,
            Timeout=10,
            Code={"ZipFile": package.read_bytes()},
            Environment={"Variables": variables},
        )
        return self._run(name, package)

    def redeploy(self, function: Function, variables: dict[str, str]) -> Function:
        """The notifier of the same name and mapping, with other environment variables."""
        self._lambda.update_function_configuration(
            FunctionName=function.name, Environment={"Variables": variables | self.pipeline.environment}
        )
        return self._run(function.name, build("notifier"))

    def _run(self, name: str, package: Path) -> Function:
        return self._stack.enter_context(
            Function(name, endpoint=self._endpoint, region=REGION, package=package, log=self.log.append)
        )

    def poll(self, function: Function, first_wait: float = 0.01) -> StreamPoller:
        """Feeds the stream to the function until the test is over."""
        return self._stack.enter_context(
            StreamPoller(
                function,
                endpoint=self._endpoint,
                region=REGION,
                log=self.log.append,
                poll_seconds=0.05,
                first_wait=first_wait,
            )
        )

    @property
    def given(self) -> list[list[str]]:
        """What a function with HANDLER got: for each call the initial of the event and the shipment's id."""
        return [json.loads(line.removeprefix("GIVEN ")) for line in self.log if line.startswith("GIVEN ")]


def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits until `condition` holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def gather(read: Callable[[], list[T]], number: int, seconds: float = 10) -> list[T]:
    """What `read` gives in as many calls as it takes to have `number`; fails after `seconds`."""
    found: list[T] = []

    def complete() -> bool:
        found.extend(read())
        return len(found) >= number

    eventually(complete, seconds)
    return found
