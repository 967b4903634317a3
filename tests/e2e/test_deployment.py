"""A deployment by the real CDKTF and Terraform: what it serves, plans, refuses and takes down again."""

import json
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import hypothesis
import pytest
import requests
import schemathesis
from botocore.config import Config
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from local.gateway import Gateway
from main import ROOT
from tests.commands import output
from tests.conformance import violations
from tests.copies import copy_project
from tests.e2e.conftest import Deployment, SigV4, serve, signed, tool
from tools.failures import DeployError
from tools.stacks import Stacks

openapi = schemathesis.openapi.from_path(ROOT / "docs/openapi.json")

UPDATE: dict[str, Any] = {
    "tracking_id": "PKG 1/ä",
    "status": "in_transit",
    "location": {"lat": 52.52, "lng": 13.405},
    "metadata": {"weight": 0.1, "pieces": 3, "fragile": True, "note": None},
}


def test_a_signed_update_is_stored_and_read_back(gateway: Gateway) -> None:
    stored = signed("POST", f"{gateway.url}/track", json=UPDATE)
    assert stored.status_code == 200, stored.text
    answer = stored.json()
    assert answer["message"] == "Tracking update stored successfully"
    assert answer["tracking_id"] == UPDATE["tracking_id"]

    history = signed("GET", f"{gateway.url}/status", params={"tracking_id": UPDATE["tracking_id"]})
    assert history.status_code == 200, history.text
    assert history.json()["count"] == 1
    update = history.json()["updates"][0]
    assert update["timestamp"] == answer["timestamp"]
    assert {name: update[name] for name in UPDATE} == UPDATE
    assert update["environment"] == "dev"


@pytest.mark.parametrize(
    "body",
    [{**UPDATE, "status": "lost"}, {"tracking_id": "a"}, {**UPDATE, "location": {"lat": 91, "lng": 0}}],
)
def test_an_invalid_update_is_refused(gateway: Gateway, body: dict[str, Any]) -> None:
    answer = signed("POST", f"{gateway.url}/track", json=body)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error", "code", "request_id", "errors"}
    assert (answer.json()["error"], answer.json()["code"]) == ("Invalid request body", "invalid_request")


def test_a_request_without_its_required_parameter_is_refused(gateway: Gateway) -> None:
    answer = signed("GET", f"{gateway.url}/status")
    assert answer.status_code == 400
    assert "tracking_id" in answer.json()["error"]


def test_an_unsigned_request_and_an_unknown_route_are_forbidden(gateway: Gateway) -> None:
    unsigned = requests.get(f"{gateway.url}/status", params={"tracking_id": "a"}, timeout=10)
    assert unsigned.status_code == 403
    assert unsigned.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert signed("GET", f"{gateway.url}/nowhere").status_code == 403


@pytest.mark.usefixtures("stream")
def test_a_change_of_status_is_told_once_and_another_scan_is_not(gateway: Gateway) -> None:
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = next(
        item["TopicArn"] for item in sns.list_topics()["Topics"] if "notifications-dev" in item["TopicArn"]
    )
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    for status in ("pending", "in_transit", "in_transit", "delivered"):
        update = {**UPDATE, "tracking_id": "told", "status": status}
        assert signed("POST", f"{gateway.url}/track", json=update).status_code == 200
    told: list[dict[str, Any]] = []
    for _ in range(20):
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
        told += [json.loads(json.loads(item["Body"])["Message"]) for item in answer.get("Messages", [])]
        for item in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=item["ReceiptHandle"])
        if told and told[-1]["status"] == "delivered" and "Messages" not in answer:
            break
    sqs.delete_queue(QueueUrl=url)
    assert [(item["previous_status"], item["status"]) for item in told if item["tracking_id"] == "told"] == [
        (None, "pending"),
        ("pending", "in_transit"),
        ("in_transit", "delivered"),
    ]


def plan(stacks: Stacks, name: str) -> list[dict[str, Any]]:
    """What Terraform would change, after it has looked at what is there."""
    stacks.terraform(name, "plan", "-input=false", "-out=plan.bin", quiet=True)
    _, shown = stacks.terraform(name, "show", "-json", "plan.bin", quiet=True)
    changes = json.loads(shown)["resource_changes"]
    return [change for change in changes if change["change"]["actions"] not in (["no-op"], ["read"])]


def test_a_second_plan_changes_nothing(deployment: Deployment) -> None:
    for stack in ("state", "tracking-dev", "public-dev"):
        assert not plan(deployment.stacks, stack)


@pytest.mark.usefixtures("deployment")
def test_aws_takes_every_request_of_the_deployment(recording: Path) -> None:
    assert not list(violations(recording))
    assert len(recording.read_text(encoding="utf-8").splitlines()) > 300


def changed(deployment: Deployment, folder: Path, file: str, old: str, new: str) -> Stacks:
    """The stacks of the project with one text of one file replaced."""
    copy = copy_project(folder / "copy", "node_modules", "build")
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    output(sys.executable, "main.py", folder=copy, environ=deployment.environ)
    return Stacks(deployment.environ, output=str(copy / "cdktf.out"))


def test_a_change_of_a_methods_authorization_needs_a_new_deployment(
    deployment: Deployment, tmp_path: Path
) -> None:
    construct, authorization = "stacks/constructs/rest_api.py", 'authorization="{}"'.format
    stacks = changed(deployment, tmp_path, construct, authorization("AWS_IAM"), authorization("NONE"))
    actions = {change["type"]: change["change"]["actions"] for change in plan(stacks, "tracking-dev")}
    assert actions["aws_api_gateway_method"] == ["update"]
    assert actions["aws_api_gateway_deployment"] == ["create", "delete"]


def test_a_changed_handler_replaces_the_functions_code_and_nothing_else(
    deployment: Deployment, tmp_path: Path
) -> None:
    stacks = changed(deployment, tmp_path, "lambda/tracking/handler.py", '"""', '"""Changed. ')
    (change,) = plan(stacks, "tracking-dev")
    assert (change["type"], change["change"]["actions"]) == ("aws_lambda_function", ["update"])
    before, after = change["change"]["before"], change["change"]["after"]
    assert {name for name in after if before.get(name) != after[name]} == {"source_code_hash"}
    assert before["function_name"] == "tracking-processor-dev"


def test_a_web_acl_comes_and_goes_with_its_setting(deployment: Deployment, tmp_path: Path) -> None:
    with_acl = '"dev": { "tracking": { "web_acl": true } }'
    stacks = changed(deployment, tmp_path, "cdktf.json", '"dev": {}', with_acl)
    waf, api = boto3.client("wafv2"), boto3.client("apigateway")
    assert plan(stacks, "tracking-dev")
    stacks.terraform("tracking-dev", "apply", "plan.bin", quiet=True)
    id = next(item["id"] for item in api.get_rest_apis()["items"] if item["name"] == "tracking-api-dev")
    stage = f"arn:aws:apigateway:us-east-1::/restapis/{id}/stages/dev"
    assert waf.get_web_acl_for_resource(ResourceArn=stage)["WebACL"]["Name"] == "tracking-dev"
    assert not [change for change in plan(stacks, "tracking-dev") if "waf" in change["type"]]
    assert plan(deployment.stacks, "tracking-dev")
    deployment.stacks.terraform("tracking-dev", "apply", "plan.bin", quiet=True)
    assert not [
        item for item in waf.list_web_acls(Scope="REGIONAL")["WebACLs"] if item["Name"] == "tracking-dev"
    ]


def test_a_second_deploy_is_refused_by_the_lock_and_a_stale_lock_can_be_released(
    deployment: Deployment,
) -> None:
    deployment.stacks.terraform("tracking-dev", "output", quiet=True)
    terraform = deployment.stacks.variables("tracking-dev")
    # A deploy that waits for its approval holds the lock.
    with subprocess.Popen(
        ["terraform", "destroy", "-no-color"],
        cwd=deployment.folder,
        env=terraform,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        while "Only 'yes'" not in (line := first.stdout.readline()):
            assert line, "the first deploy ended"
        second = tool(deployment, "deploy", "--auto-approve")
        assert second.returncode == 1
        sentence = second.stderr.strip().splitlines()[-1]
        assert sentence.startswith("Error: Another deploy holds the lock")
        lock = re.search(r"LOCK=([0-9a-f-]{36})", sentence)
        assert lock
        first.send_signal(signal.SIGKILL)
    with pytest.raises(DeployError, match=lock[1]):
        deployment.stacks.terraform("tracking-dev", "plan", "-no-color", quiet=True)
    assert tool(deployment, "unlock", "--lock", lock[1]).returncode == 0
    assert deployment.stacks.terraform("tracking-dev", "plan", "-no-color", quiet=True)[0] == 0


def test_a_lock_is_found_on_whichever_stack_it_is(deployment: Deployment) -> None:
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    place = {"Bucket": "shipment-tracking-state-us-east-1", "Key": "public/dev/terraform.tfstate.tflock"}
    lock = str(uuid.uuid4())
    s3.put_object(**place, Body=json.dumps({"ID": lock, "Path": "{Bucket}/{Key}".format(**place)}))
    assert tool(deployment, "unlock", "--lock", lock).stdout == "Released the lock of public-dev.\n"
    again = tool(deployment, "unlock", "--lock", lock)
    assert again.returncode == 1
    assert again.stderr.startswith("Error: None of tracking-dev, public-dev, state has this lock")


def test_the_state_is_encrypted_in_its_bucket(deployment: Deployment) -> None:
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    for key in ("state", "tracking/dev", "public/dev"):
        state = s3.get_object(Bucket="shipment-tracking-state-us-east-1", Key=f"{key}/terraform.tfstate")
        assert state["ServerSideEncryption"] == "AES256"
        assert json.loads(state["Body"].read())["resources"]


@pytest.fixture(scope="module")
def everything_on(deployment: Deployment) -> Iterator[str]:
    """The URL of the API with every feature flag on, until the end: a plan would turn them back."""
    ssm, name = boto3.client("ssm"), "/logistics/features/dev/flags"
    deployed = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=json.dumps(dict.fromkeys(json.loads(deployed), True)), Overwrite=True)
    with serve(deployment) as gateway:
        yield gateway.url


@openapi.parametrize()
@hypothesis.settings(max_examples=50, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
def test_every_answer_is_one_that_the_openapi_document_announces(
    case: schemathesis.Case[Any], everything_on: str
) -> None:
    answer = case.call(base_url=everything_on, auth=SigV4())
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    case.validate_response(answer, checks=checks)
