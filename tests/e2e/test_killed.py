"""A deploy whose Terraform is killed in the middle: the next one completes, and nothing is there twice or lost."""

import json
import os
import re
import signal
from collections import Counter
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from local.aws import EmbeddedAws
from tests.e2e.conftest import REGION, Environment
from tools.adopt import adopt
from tools.cdktf import Cdktf, create_state_bucket

ITEM = {"tracking_id": {"S": "PKG-1"}, "timestamp": {"N": "1"}, "status": {"S": "pending"}}


@pytest.fixture(scope="module")
def environment(aws: EmbeddedAws) -> Environment:
    found = Environment("pr-kill", aws)
    create_state_bucket(found.settings)
    return found


def kill_deploy(environment: Environment, *made: str) -> None:
    """Starts a deploy, and kills its Terraform when one of each of these types is made."""
    waiting = set(made)
    with environment.start("tools.cdktf", "deploy", "--auto-approve") as deploy:
        assert deploy.stdout
        for line in deploy.stdout:
            waiting -= {kind for kind in waiting if re.search(rf"{kind}\..*: Creation complete", line)}
            if not waiting:
                assert kill_terraform(deploy.pid) > 0
                break
        rest, _ = deploy.communicate(timeout=60)
    assert deploy.returncode == 1
    assert rest.splitlines()[-1].startswith("Error: Terraform was killed before it was done")


def lock(environment: Environment, stack: str) -> str:
    """The id of the lock that a killed deploy has left, as the runbook finds it."""
    s3 = boto3.client("s3", region_name=REGION, config=Config(s3={"addressing_style": "path"}))
    key = f"{stack}/{environment.name}/terraform.tfstate.tflock"
    return str(json.load(s3.get_object(Bucket=environment.settings.state_bucket, Key=key)["Body"])["ID"])


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
    # What the public stack looks up is not there yet.
    cdktf = Cdktf(environment.environ, output=environment.output, show=lambda _: None)
    cdktf.synth()
    assert adopt(cdktf, "public-pr-kill") == []

    # Late in a stack, of which Terraform has saved the most.
    kill_deploy(environment, "aws_api_gateway_stage", "aws_lambda_event_source_mapping")
    status, said = environment.run("tools.cdktf", "unlock", "--lock", lock(environment, "tracking"))
    assert status == 0, said
    assert "Released the lock of tracking-pr-kill." in said
    assert re.search(r"Took into the state what the killed deploy had made: .*aws_api_gateway_stage\.", said)
    boto3.client("dynamodb", region_name=REGION).put_item(TableName="tracking-data-pr-kill", Item=ITEM)

    # Early in a stack, before Terraform has saved anything, and the lock is released by hand.
    kill_deploy(environment, "aws_apigatewayv2_api")
    assert cdktf.terraform("public-pr-kill", "force-unlock", "-force", lock(environment, "public"))[0] == 0
    status, said = environment.run("tools.cdktf", "unlock")
    assert status == 0, said
    assert "Took into the state what the killed deploy had made: aws_apigatewayv2_api." in said

    status, said = environment.run("tools.cdktf", "deploy", "--auto-approve")
    assert status == 0, said
    assert there(environment.name) == dict.fromkeys(("api", "deployment", "http api", "key", "mapping"), 1)
    stored = boto3.client("dynamodb", region_name=REGION).scan(TableName="tracking-data-pr-kill")["Items"]
    assert stored == [ITEM]
