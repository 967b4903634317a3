"""A deploy whose Terraform is killed in the middle: the next one completes, and nothing is there twice or lost."""

import os
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path

import boto3
import pytest

from local.aws import EmbeddedAws
from tests.e2e.conftest import REGION, Environment
from tools.cdktf import create_state_bucket
from tools.runs import REPORTS

#: Soon, before Terraform has saved the state once, and late, when it has: what was made by then.
MOMENTS = (
    r"aws_api_gateway_rest_api\b.*: Creation complete",
    r"aws_lambda_event_source_mapping\b.*: Creation complete",
)


@pytest.fixture(scope="module")
def environment(aws: EmbeddedAws) -> Environment:
    found = Environment("pr-kill", aws)
    create_state_bucket(found.settings)
    return found


def deploy(environment: Environment) -> subprocess.Popen[str]:
    return environment.start("tools.cdktf", "deploy", "--auto-approve")


def kill_terraform(ancestor: int) -> int:
    """Kills every Terraform that `ancestor` has started; returns how many."""
    parents, names = {}, {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, name, _, parent = re.fullmatch(
                r"(\d+) \((.*)\) (\S+) (\d+) .*\n", entry.read_text()
            ).groups()  # type: ignore[union-attr]
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(pid)], names[int(pid)] = int(parent), name
    killed = 0
    for pid in parents:
        line = [pid]
        while (parent := parents.get(line[-1])) is not None:
            line.append(parent)
        if ancestor in line and names[pid] == "terraform":
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed


def there(name: str) -> Counter[str]:
    """How many of each kind of what AWS could make twice have the environment's name."""
    kms = boto3.client("kms", region_name=REGION)
    keys = (kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"])
    functions = boto3.client("lambda", region_name=REGION)
    names = [
        *(("api", api["name"]) for api in boto3.client("apigateway").get_rest_apis()["items"]),
        *(("http api", api["Name"]) for api in boto3.client("apigatewayv2").get_apis()["Items"]),
        *(("key", key["Description"]) for key in keys if key["KeyState"] == "Enabled"),
        *(
            ("mapping", mapping["FunctionArn"])
            for mapping in functions.list_event_source_mappings()["EventSourceMappings"]
        ),
    ]
    return Counter(kind for kind, text in names if re.search(rf"-{name}\b", text))


def test_after_each_kill_the_next_deploy_completes(environment: Environment) -> None:
    for moment in MOMENTS:
        with deploy(environment) as killed:
            assert killed.stdout
            for line in killed.stdout:
                if re.search(moment, line):
                    assert kill_terraform(killed.pid) > 0
                    break
            killed.communicate(timeout=60)
        assert killed.returncode == 1

        status, said = environment.run("tools.cdktf", "deploy", "--auto-approve")
        assert status == 1
        told = re.search(r"release the lock with `make unlock LOCK=([0-9a-f-]{36})`", said)
        assert told, said

        before = there(environment.name)
        status, said = environment.run("tools.cdktf", "unlock", "--lock", told[1])
        assert status == 0, said
        assert "Released the lock of tracking-pr-kill." in said
        assert "Took into the state what the killed deploy had made: " in said
        assert there(environment.name) == before

    status, said = environment.run("tools.cdktf", "deploy", "--auto-approve")
    assert status == 0, said
    assert there(environment.name) == {"api": 1, "http api": 1, "key": 1, "mapping": 1}
    environment.run("tools.runs", "plan")
    for stack in ("tracking", "public"):
        report = (REPORTS / f"{stack}-pr-kill.md").read_text(encoding="utf-8")
        assert "Plan: 0 to add, " in report or "No changes" in report, report
