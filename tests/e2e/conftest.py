"""One deployment by the real tools into one embedded AWS, for all tests of this folder."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.aws import CREDENTIALS, EmbeddedAws
from local.function import Function
from local.gateway import Gateway
from local.http_api import HttpGateway
from local.stream import StreamPoller
from main import ROOT
from stacks.package import build
from stacks.settings import load_settings
from tools.cdktf import Cdktf, create_state_bucket, stacks_of

OUTPUT = "build/e2e.out"
REGION = "us-east-1"


class Deployment(NamedTuple):
    """What is deployed, and how to talk to it."""

    aws: EmbeddedAws
    environ: Mapping[str, str]
    cdktf: Cdktf
    folder: Path
    """Of the synthesized tracking stack, initialized for Terraform."""


@pytest.fixture(scope="session")
def deployment(aws: EmbeddedAws) -> Deployment:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {**aws.environment(REGION), "ENVIRONMENT_SUFFIX": "dev"}
    settings = load_settings(ROOT / "cdktf.json", environ)
    cdktf = Cdktf(environ, output=OUTPUT, show=print)
    cdktf.synth()
    create_state_bucket(settings)
    cdktf.run("deploy", "state", *stacks_of(settings), "--auto-approve")
    return Deployment(aws, environ, cdktf, ROOT / OUTPUT / "stacks/tracking-dev")


@pytest.fixture
def stream(deployment: Deployment) -> Iterator[None]:
    """Feeds the table's stream to the notifier, during one test: nobody may read a table that is deleted."""
    with (
        function(deployment, "notifier") as notifier,
        StreamPoller(notifier, endpoint=deployment.aws.endpoint, region=REGION),
    ):
        yield


@pytest.fixture(scope="session")
def gateway(deployment: Deployment) -> Iterator[Gateway]:
    with serve(deployment) as served:
        yield served


@pytest.fixture(scope="session")
def public(deployment: Deployment) -> Iterator[HttpGateway]:
    with serve_public(deployment) as served:
        yield served


@contextmanager
def serve_public(deployment: Deployment) -> Iterator[HttpGateway]:
    """The deployed public API on a port of this machine, with a function that starts cold."""
    with (
        function(deployment, "public") as processor,
        HttpGateway(
            "tracking-public-dev",
            endpoint=deployment.aws.endpoint,
            region=REGION,
            functions={processor.name: processor},
        ) as served,
    ):
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
        [sys.executable, "-m", "tools.cdktf", command, *arguments, "--output", OUTPUT],
        cwd=folder,
        env={**deployment.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
