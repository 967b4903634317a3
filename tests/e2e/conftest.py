"""One deployment by the real tools into one embedded AWS, for all tests of this folder."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from local.aws import CREDENTIALS, EmbeddedAws
from local.function import Function
from local.gateway import Gateway
from local.http_api import HttpGateway
from local.partner import put_secrets
from local.queue import QueuePoller
from local.stream import StreamPoller
from main import ROOT
from stacks.package import build
from stacks.settings import load_settings
from tests import provider
from tests.conformance import recorded
from tools import toolchain
from tools.stacks import Stacks
from tools.state_bucket import create_state_bucket

OUTPUT = "build/e2e.out"
REGION = "us-east-1"


class Deployment(NamedTuple):
    """What is deployed, and how to talk to it."""

    aws: EmbeddedAws
    environ: Mapping[str, str]
    running_provider: Mapping[str, str]
    stacks: Stacks
    folder: Path
    """Of the synthesized tracking stack, initialized for Terraform."""


@pytest.fixture(scope="session")
def running_provider(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variable with which Terraform takes a provider that runs, where no package is to be uploaded.

    A provider finds the packages from where it was started.
    """
    with provider.running(tmp_path_factory.mktemp("provider"), os.environ | aws.environment(REGION)) as found:
        yield found


@pytest.fixture(scope="session")
def deployment(aws: EmbeddedAws, running_provider: dict[str, str]) -> Deployment:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {**aws.environment(REGION), "ENVIRONMENT_SUFFIX": "dev"}
    settings = load_settings(ROOT / "cdktf.json", environ)
    stacks = Stacks(environ, output=OUTPUT)
    stacks.synth()
    create_state_bucket(settings)
    # What users may type, which synthesizes once more.
    with recorded(aws.endpoint):
        subprocess.run(
            ["cdktf", "deploy", *stacks.shared, *stacks.names, "--auto-approve", "--output", OUTPUT],
            cwd=ROOT,
            env={**toolchain.environment(environ), **stacks.provider_source, "CI": "1"},
            check=True,
        )
    stacks = Stacks({**environ, **running_provider}, output=OUTPUT)
    return Deployment(aws, environ, running_provider, stacks, stacks.folder("tracking-dev"))


@pytest.fixture
def stream(deployment: Deployment) -> Iterator[None]:
    """Feeds the tables' streams to their functions, during one test: nobody may read a table that is deleted."""
    with ExitStack() as stack:
        for name in ("projector", "notifier"):
            mapped = stack.enter_context(function(deployment, name))
            # Other tests have stored what no function can handle, which holds the stream up until it is given up.
            place: Any = {"endpoint": deployment.aws.endpoint, "region": REGION}
            stack.enter_context(StreamPoller(mapped, first_wait=0.01, **place))
        yield


@pytest.fixture
def queues(deployment: Deployment) -> Iterator[None]:
    """Feeds the queues to their functions, during one test."""
    with ExitStack() as stack:
        for name in ("fanout", "delivery"):
            mapped = stack.enter_context(function(deployment, name))
            stack.enter_context(QueuePoller(mapped, endpoint=deployment.aws.endpoint, region=REGION))
        yield


@pytest.fixture(scope="session")
def gateway(deployment: Deployment) -> Iterator[Gateway]:
    with serve(deployment) as served:
        yield served


@pytest.fixture(scope="session")
def public(deployment: Deployment) -> Iterator[HttpGateway]:
    with serve_public(deployment) as served:
        yield served


def serve_public(deployment: Deployment) -> AbstractContextManager[HttpGateway]:
    """The deployed public API on a port of this machine, with a function that starts cold."""
    return serve_http(deployment, "public", "public")


@contextmanager
def serve_http(deployment: Deployment, api: str, *names: str) -> Iterator[HttpGateway]:
    """A deployed HTTP API on a port of this machine, with functions that start cold."""
    with ExitStack() as stack:
        functions = [stack.enter_context(function(deployment, name)) for name in names]
        yield stack.enter_context(
            HttpGateway(
                f"tracking-{api}-dev",
                endpoint=deployment.aws.endpoint,
                region=REGION,
                functions={one.name: one for one in functions},
            )
        )


@pytest.fixture(scope="session")
def partners(deployment: Deployment) -> Iterator[HttpGateway]:
    """The deployed partners' API, whose sources have their secrets."""
    put_secrets(load_settings(ROOT / "cdktf.json", deployment.environ))
    with serve_http(deployment, "partners", "inbound", "webhooks") as served:
        yield served


@contextmanager
def serve(deployment: Deployment) -> Iterator[Gateway]:
    """The deployed API on a port of this machine, with a function that starts cold."""
    with (
        function(deployment, "processor", "tracking") as processor,
        Gateway(
            "tracking-api-dev",
            "dev",
            endpoint=deployment.aws.endpoint,
            region=REGION,
            functions={processor.name: processor},
        ) as served,
    ):
        yield served


def function(deployment: Deployment, name: str, package: str | None = None) -> Function:
    """A deployed function; its package is named after it unless it is given."""
    return Function(
        f"tracking-{name}-dev",
        endpoint=deployment.aws.endpoint,
        region=REGION,
        package=build(package or name),
    )


class SigV4(requests.auth.AuthBase):
    """Signs a request as a caller with credentials does."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # The signature covers a space as %20, and requests sends a plus.
        request.url = (request.url or "").replace("+", "%20")
        signed = AWSRequest(request.method, request.url, data=request.body, headers=dict(request.headers))
        credentials = Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
        SigV4Auth(credentials, "execute-api", REGION).add_auth(signed)
        request.headers.update(dict(signed.headers))
        return request


def signed(method: str, url: str, **options: Any) -> requests.Response:
    """Sends a signed request; `options` are those of requests.request."""
    return requests.request(method, url, auth=SigV4(), timeout=30, **options)


def tool(
    deployment: Deployment, command: str, *arguments: str, folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """`make COMMAND` without make."""
    return subprocess.run(
        [sys.executable, "-m", "tools.deploy", command, *arguments, "--output", OUTPUT],
        cwd=folder,
        env={
            **deployment.environ,
            **deployment.running_provider,
            "PYTHONPATH": f"{folder}{os.pathsep}{folder / 'lambda'}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


class Environment:
    """An environment with an output folder of its own, as on a machine of its own."""

    def __init__(self, name: str, aws: EmbeddedAws) -> None:
        self.name = name
        self.output = f"build/e2e-{name}.out"
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        self.environ |= {**aws.environment(REGION), "ENVIRONMENT_SUFFIX": name}
        self.settings = load_settings(ROOT / "cdktf.json", self.environ)
        self.stacks = Stacks(self.environ, output=self.output, show=lambda _: None)

    def start(self, module: str, command: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", module, command, *arguments, "--output", self.output],
            cwd=ROOT,
            env={**self.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, module: str, command: str, *arguments: str, **variables: str) -> tuple[int, str]:
        with self.start(module, command, *arguments, **variables) as process:
            said, _ = process.communicate(timeout=400)
        return process.returncode, said

    def make(self, target: str, **variables: str) -> str:
        """Runs what a workflow does, and returns what it said; an error fails the test."""
        made = subprocess.run(
            ["make", "--old-file=install", target, f"OUTPUT={self.output}", f"PLAN_FILE={self.output}.enc"],
            cwd=ROOT,
            env={**self.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        return made.stdout

    def resources(self) -> set[str]:
        """What AWS itself lists with the environment's tag."""
        tagging = boto3.client("resourcegroupstaggingapi", region_name=REGION)
        pages = tagging.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": "Environment", "Values": [self.name]}]
        )
        return {item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"]}

    def states(self) -> list[str]:
        """The objects of the environment in the bucket of the states."""
        s3 = boto3.client("s3", region_name=REGION, config=Config(s3={"addressing_style": "path"}))
        listed = s3.list_objects_v2(Bucket=self.settings.state.bucket).get("Contents", [])
        return [item["Key"] for item in listed if self.name in item["Key"].split("/")]
