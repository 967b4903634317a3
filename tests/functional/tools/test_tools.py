"""The commands behind make: where they find Terraform's provider, and what they say when something is missing."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from local.aws import EmbeddedAws
from main import ROOT
from tests.commands import run
from tests.copies import copy_project
from tests.synthesis import settings
from tools import toolchain
from tools.failures import DeployError, explain
from tools.state_bucket import create_state_bucket
from tools.toolchain import ToolError, provider_source

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
TARGET = f"{platform.system().lower()}_{MACHINES.get(platform.machine(), platform.machine())}"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "REGISTRY_URL", "http://127.0.0.1:9/")
    monkeypatch.setattr(toolchain, "MIRROR_ROOTS", ())


def mirror(folder: Path, name: str) -> Path:
    path = folder / "mirror with a space/registry.terraform.io/hashicorp/aws" / name
    path.parent.mkdir(parents=True)
    path.mkdir() if path.suffix != ".zip" else path.write_bytes(b"")
    return folder


@pytest.mark.parametrize("name", [f"5.100.0/{TARGET}", f"terraform-provider-aws_5.100.0_{TARGET}.zip"])
@pytest.mark.usefixtures("offline")
def test_a_mirror_with_the_wanted_version_is_used_where_the_registry_is_away(
    tmp_path: Path, name: str
) -> None:
    variables = provider_source("5.100.0", {"PROVIDER_MIRROR": str(mirror(tmp_path, name))})
    assert variables == {
        "TF_CLI_ARGS_init": f"'-plugin-dir={tmp_path}/mirror with a space'",
        "TF_CLI_ARGS_providers_lock": f"'-fs-mirror={tmp_path}/mirror with a space'",
    }


@pytest.mark.parametrize("name", [f"5.99.0/{TARGET}", "5.100.0/plan9_mips", "plugin-cache/5.100.0"])
@pytest.mark.usefixtures("offline")
def test_a_mirror_without_the_wanted_version_is_not(tmp_path: Path, name: str) -> None:
    with pytest.raises(ToolError, match=r"registry cannot be reached, and no mirror .* 5\.100\.0"):
        provider_source("5.100.0", {"PROVIDER_MIRROR": str(mirror(tmp_path, name))})


def test_a_mirror_is_not_used_where_the_registry_answers_or_terraform_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"PROVIDER_MIRROR": str(mirror(tmp_path, f"5.100.0/{TARGET}"))}
    monkeypatch.setattr(toolchain, "REGISTRY_URL", (tmp_path / "answer.json").as_uri())
    (tmp_path / "answer.json").write_text('{"providers.v1": "/v1/providers/"}')
    assert provider_source("5.100.0", environ) == {}
    (tmp_path / "answer.json").unlink()
    assert provider_source("5.100.0", {**environ, "TF_CLI_CONFIG_FILE": "my.tfrc"}) == {}
    assert provider_source("5.100.0", environ)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "Error: Error acquiring the state lock\n\nLock Info:\n"
            "  ID:        4c2b1a7e-1b2c-3d4e-5f60-718293a4b5c6\n  Path:      bucket/key\n",
            "make unlock LOCK=4c2b1a7e-1b2c-3d4e-5f60-718293a4b5c6",
        ),
        ("api error ExpiredToken: The provided token has expired.", "have expired"),
        ("Error: No valid credential sources found", "no AWS credentials"),
        ("operation error STS: GetCallerIdentity, api error InvalidClientTokenId: RequestID: "
         "4c2b1a7e-1b2c-3d4e-5f60-718293a4b5c6", "does not accept"),
        ('Error: S3 bucket "shipment" does not exist.', "make state"),
        ("Error: failed to get shared config profile, nowhere", "AWS_PROFILE"),
        ("Error: Invalid region value\n\nInvalid AWS Region: us-esat-1\n", "no region us-esat-1;"),
        ("BadRequestException: CloudWatch Logs role ARN must be set in account settings", "make state"),
        ("Error: Required token could not be found\n\nRun the following command to", "terraform login"),
        ("locked provider registry.terraform.io/hashicorp/aws 5.99.0 does not match\nconfigured version constraint",
         "make lock"),
        ("User: x is not authorized to perform: dynamodb:CreateTable", "refuses an action"),
        ("setting Lambda Function (tracking-public-prod) concurrency: operation error Lambda: PutFunctionConcurrency, "
         "https response error StatusCode: 400, InvalidParameterValueException: Specified "
         "ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
         "minimum value of [100].", "AWS keeps 100 of the account's"),
        ("Error: Saved plan is stale\n\nThe given plan file can no longer be applied", "plan again"),
        ("Error: Saved plan is discarded\n\nThe given plan file can no longer be applied;", "plan again"),
        ("dial tcp: lookup sts.amazonaws.com: no such host", "cannot be reached"),
    ],
)  # fmt: skip
def test_a_known_failure_is_told_in_one_sentence(said: str, expected: str) -> None:
    sentence = explain(said)
    assert sentence
    assert expected in sentence


def test_an_unknown_failure_is_left_to_speak_for_itself() -> None:
    assert explain("Error: something new, RequestID: 4c2b1a7e-1b2c-3d4e-5f60-718293a4b5c6") is None


def test_a_bucket_that_is_there_already_is_kept_and_one_of_another_account_is_refused(
    aws: EmbeddedAws,
) -> None:
    ours = settings("dev", emulated=True, state={"bucket": "ours-in-us-east-1"})
    create_state_bucket(ours)
    create_state_bucket(ours)
    abroad = settings("dev", emulated=True, state={"bucket": "ours-abroad"}, region="eu-west-1")
    create_state_bucket(abroad)
    create_state_bucket(abroad)

    role = boto3.client("sts").assume_role(
        RoleArn="arn:aws:iam::111111111111:role/other", RoleSessionName="other"
    )["Credentials"]
    boto3.client(
        "s3",
        aws_access_key_id=role["AccessKeyId"],
        aws_secret_access_key=role["SecretAccessKey"],
        aws_session_token=role["SessionToken"],
    ).create_bucket(Bucket="theirs")
    with pytest.raises(
        DeployError, match=r"'theirs' is taken by another account.*state\.bucket in cdktf\.json"
    ):
        create_state_bucket(settings("dev", emulated=True, state={"bucket": "theirs"}))


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [("AWS_PROFILE", "nowhere", "The profile that AWS_PROFILE names"), ("AWS_ENDPOINT_URL", "x:1", "x:1")],
)
def test_a_mistaken_variable_of_aws_is_told(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(DeployError, match=expected):
        create_state_bucket(settings("dev"))


def deploy(*arguments: str, project: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs the tool, which must fail."""
    command = (sys.executable, "-m", "tools.deploy", *arguments)
    done = run(*command, folder=project, environ={**os.environ, **environ})
    assert done.returncode == 1
    return done


@pytest.mark.parametrize("output", ["README.md", "README.md/below"])
def test_a_folder_that_cannot_be_written_is_one_line(output: str) -> None:
    command = deploy("synth", "--output", output)
    assert re.fullmatch(r"Error: .*(ENOTDIR|File exists|Not a directory).*\n", command.stderr)


def test_at_the_command_line_a_failure_is_one_line() -> None:
    check_one_line(ROOT, "ENVIRONMENT_SUFFIX is 'nowhere'", ENVIRONMENT_SUFFIX="nowhere")


def test_what_is_not_installed_is_told(tmp_path: Path) -> None:
    copy = copy_project(tmp_path / "copy")
    check_one_line(copy, "`node` is not installed; run `make install`", PATH="")


def check_one_line(project: Path, expected: str, **environ: str) -> None:
    """Synthesizes, which must end with one line on the standard error that holds `expected`."""
    command = deploy("synth", project=project, **environ)
    assert command.stderr.startswith("Error: ")
    assert command.stderr.count("\n") == 1
    assert expected in command.stderr


def test_a_protected_environment_is_not_destroyed() -> None:
    command = deploy("destroy", "--auto-approve", ENVIRONMENT_SUFFIX="prod")
    assert command.stderr.startswith("Error: prod is protected from deletion")
