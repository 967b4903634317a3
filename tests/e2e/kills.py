"""The first deploy of an environment, whose Terraform is killed on the way: early and late in a stack."""

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import boto3
from botocore.config import Config

from tests.e2e.conftest import REGION, Environment

#: What is written to the table between the kills.
ITEM = {"tracking_id": {"S": "PKG-1"}, "timestamp": {"N": "1"}, "status": {"S": "pending"}}


def _kill_deploy(environment: Environment, stack: str, *made: str) -> None:
    """Starts a deploy of a stack, and kills its Terraform when one of each of these types is made."""
    waiting = set(made)
    with environment.start("tools.deploy", "deploy", "--auto-approve", "--stack", stack) as deploy:
        assert deploy.stdout
        for line in deploy.stdout:
            waiting -= {kind for kind in waiting if re.search(rf"{kind}\..*: Creation complete", line)}
            if not waiting:
                assert _kill_terraform(deploy.pid) > 0
                break
        rest, _ = deploy.communicate(timeout=60)
    assert deploy.returncode == 1
    assert rest.splitlines()[-1].startswith("Error: Terraform was killed before it was done"), rest[-2000:]


def _lock(environment: Environment, stack: str) -> str:
    """The id of the lock that a killed deploy has left, as the runbook finds it."""
    s3 = boto3.client("s3", region_name=REGION, config=Config(s3={"addressing_style": "path"}))
    key = f"{stack}/{environment.name}/terraform.tfstate.tflock"
    return str(json.load(s3.get_object(Bucket=environment.settings.state.bucket, Key=key)["Body"])["ID"])


def _kill_terraform(ancestor: int) -> int:
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
        *(("api", api["name"]) for api in apis.get_rest_apis()["items"]),
        *(("http api", api["Name"]) for api in boto3.client("apigatewayv2").get_apis()["Items"]),
        *(("key", key["Description"]) for key in keys if key["KeyState"] == "Enabled"),
        *(
            ("mapping", mapping["FunctionArn"])
            for mapping in functions.list_event_source_mappings()["EventSourceMappings"]
        ),
    ]
    return Counter(kind for kind, text in names if re.search(rf"-{name}\b", text))


def knows_what_is_served(environment: Environment) -> bool:
    """Whether the state has the deployment that the stage of the API serves.

    Another may be left over, which serves nothing: the provider asks again when an answer was lost.
    """
    tracking, _ = environment.stacks.names
    client = boto3.client("apigateway", region_name=REGION)
    (api,) = (
        item["id"]
        for item in client.get_rest_apis()["items"]
        if item["name"] == f"tracking-api-{environment.name}"
    )
    served = client.get_stage(restApiId=api, stageName=environment.name)["deploymentId"]
    _, listed = environment.stacks.terraform(tracking, "state", "list", f"-id={served}")
    return "aws_api_gateway_deployment." in listed


def deploy_through_kills(environment: Environment, running_provider: Mapping[str, str]) -> None:
    """Fails if a lock cannot be released, or if the deploy after the last kill does not complete."""
    environment.stacks.synth()
    tracking, public = environment.stacks.names
    # Late in a stack, of which Terraform has saved the most.
    _kill_deploy(environment, tracking, "aws_api_gateway_stage", "aws_lambda_event_source_mapping")
    lock = _lock(environment, "tracking")
    status, said = environment.run("tools.deploy", "unlock", "--lock", lock, **running_provider)
    assert status == 0, said
    assert f"Released the lock of {tracking}." in said
    assert re.search(
        r"Imported into the state what the killed deploy had made: .*aws_api_gateway_stage\.", said
    )
    assert knows_what_is_served(environment)
    dynamodb = boto3.client("dynamodb", region_name=REGION)
    dynamodb.put_item(TableName=f"tracking-data-{environment.name}", Item=ITEM)

    # Early in a stack, before Terraform has saved anything, and the lock is released by hand.
    _kill_deploy(environment, public, "aws_apigatewayv2_api")
    lock = _lock(environment, "public")
    assert environment.stacks.terraform(public, "force-unlock", "-force", lock)[0] == 0
    status, said = environment.run("tools.deploy", "unlock", **running_provider)
    assert status == 0, said
    assert "Imported into the state what the killed deploy had made: aws_apigatewayv2_api." in said

    status, said = environment.run("tools.deploy", "deploy", "--auto-approve")
    assert status == 0, said
