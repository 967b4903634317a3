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
from tools.cdktf import Cdktf, create_state_bucket
from tools.runs import REPORTS

#: Soon, before Terraform has saved the state once, and late, when it has: what was made by then, and whether the lock
#: is released by hand.
MOMENTS = (
    (r"aws_api_gateway_rest_api\b.*: Creation complete", False),
    (r"aws_lambda_event_source_mapping\b.*: Creation complete", True),
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
    apis = boto3.client("apigateway", region_name=REGION)
    names = [
        *(
            (kind, api["name"])
            for api in apis.get_rest_apis()["items"]
            for kind in ["api", *("deployment" for _ in apis.get_deployments(restApiId=api["id"])["items"])]
        ),
        *(("http api", api["Name"]) for api in boto3.client("apigatewayv2").get_apis()["Items"]),
        *(("key", key["Description"]) for key in keys if key["KeyState"] == "Enabled"),
        *(
            ("mapping", mapping["FunctionArn"])
            for mapping in functions.list_event_source_mappings()["EventSourceMappings"]
        ),
    ]
    return Counter(kind for kind, text in names if re.search(rf"-{name}\b", text))


def test_after_each_kill_the_next_deploy_completes(environment: Environment) -> None:
    for moment, by_hand in MOMENTS:
        with deploy(environment) as killed:
            assert killed.stdout
            for line in killed.stdout:
                if re.search(moment, line):
                    assert kill_terraform(killed.pid) > 0
                    break
            rest, _ = killed.communicate(timeout=60)
        assert killed.returncode == 1
        assert rest.splitlines()[-1].startswith("Error: Terraform was killed before it was done")

        status, said = environment.run("tools.cdktf", "deploy", "--auto-approve")
        assert status == 1
        told = re.search(r"release the lock with `make unlock LOCK=([0-9a-f-]{36})`", said)
        assert told, said

        before = there(environment.name)
        if by_hand:
            cdktf = Cdktf(environment.environ, output=environment.output)
            assert cdktf.terraform("tracking-pr-kill", "force-unlock", "-force", told[1])[0] == 0
            status, said = environment.run("tools.cdktf", "unlock")
        else:
            status, said = environment.run("tools.cdktf", "unlock", "--lock", told[1])
            assert "Released the lock of tracking-pr-kill." in said
        assert status == 0, said
        assert "Took into the state what the killed deploy had made: " in said
        assert there(environment.name) == before

    status, said = environment.run("tools.cdktf", "deploy", "--auto-approve")
    assert status == 0, said
    assert there(environment.name) == dict.fromkeys(("api", "deployment", "http api", "key", "mapping"), 1)
    environment.run("tools.runs", "plan")
    for stack in ("tracking", "public"):
        report = (REPORTS / f"{stack}-pr-kill.md").read_text(encoding="utf-8")
        assert "Plan: 0 to add, " in report or "No changes" in report, report
