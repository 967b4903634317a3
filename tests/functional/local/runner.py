"""Functions deployed into an embedded AWS of their own, and run here."""

import os
import textwrap
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from local.aws import EmbeddedAws, client
from local.function import Function

REGION = "eu-west-1"


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, textwrap.dedent(text))
    return path


class Runner:
    """Deploys functions and runs them; each gets a name of its own."""

    def __init__(self, endpoint: str, folder: Path, stack: ExitStack) -> None:
        self.endpoint = endpoint
        self.folder = folder
        self.stack = stack
        self.log: list[str] = []
        self.client = client("lambda", endpoint, REGION)

    def deploy(self, files: dict[str, str] | str, **configuration: Any) -> tuple[str, Path]:
        name = f"function-{len(self.client.list_functions(MaxItems=1000)['Functions'])}"
        package = zipped(self.folder / f"{name}.zip", {"main.py": files} if isinstance(files, str) else files)
        self.client.create_function(
            FunctionName=name,
            Role="arn:aws:iam::123456789012:role/role",
            Code={"ZipFile": package.read_bytes()},
            **{
                "Runtime": "python3.13",
                "Handler": "main.handler",
                "Timeout": 5,
                "MemorySize": 512,
                **configuration,
            },
        )
        return name, package

    def run(self, name: str, package: Path, **options: Any) -> Function:
        return self.stack.enter_context(
            Function(
                name,
                endpoint=self.endpoint,
                region=REGION,
                package=package,
                log=self.log.append,
                **options,
            )
        )

    def permit(self, name: str, api: str) -> None:
        """Lets an API invoke a function."""
        self.client.add_permission(
            FunctionName=name,
            StatementId=f"allow-{api}",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:123456789012:{api}/*/*",
        )

    def __call__(self, files: dict[str, str] | str, **configuration: Any) -> Function:
        name, package = self.deploy(files, **configuration)
        return self.run(name, package)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with EmbeddedAws() as aws:
        yield aws.endpoint


@pytest.fixture(scope="module")
def endpoint(server: str) -> str:
    """An embedded AWS that is empty but for a role."""
    requests.post(f"{server}/moto-api/reset", timeout=30).raise_for_status()
    client("iam", server, REGION).create_role(RoleName="role", AssumeRolePolicyDocument="{}")
    return server


@pytest.fixture
def runner(endpoint: str, tmp_path: Path) -> Iterator[Runner]:
    with ExitStack() as stack:
        yield Runner(endpoint, tmp_path, stack)


@pytest.fixture(scope="module")
def module_runner(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """One whose functions run as long as the module's tests."""
    with ExitStack() as stack:
        yield Runner(endpoint, tmp_path_factory.mktemp("packages"), stack)


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").exists() and " Z " in Path(f"/proc/{pid}/stat").read_text():
            return True  # only its parent has not noticed yet
        time.sleep(0.02)
    return False
