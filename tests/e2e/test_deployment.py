"""A deployment by the real CDKTF and Terraform: what it serves, plans, refuses and takes down again."""

import json
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
from tests.conformance import violations
from tests.copies import copy_project
from tests.e2e.conftest import Deployment, SigV4, serve, signed, tool
from tools import toolchain

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
    told: list[dict[str, Any]] = []

    def receive() -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
        for item in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=item["ReceiptHandle"])
        messages = [json.loads(json.loads(item["Body"])["Message"]) for item in answer.get("Messages", [])]
        return [message for message in messages if message["tracking_id"] == "told"]

    for status in ("pending", "in_transit", "in_transit", "delivered"):
        update = {**UPDATE, "tracking_id": "told", "status": status}
        assert signed("POST", f"{gateway.url}/track", json=update).status_code == 200
        # Changes within a second may be told as one.
        for _ in range(20):
            if told and told[-1]["status"] == status:
                break
            told += receive()
    told += receive()
    sqs.delete_queue(QueueUrl=url)
    assert [(item["previous_status"], item["status"]) for item in told] == [
        (None, "pending"),
        ("pending", "in_transit"),
        ("in_transit", "delivered"),
    ]


def test_a_second_plan_changes_nothing(deployment: Deployment) -> None:
    for stack in ("state", "tracking-dev", "public-dev", "partners-dev"):
        status, said = deployment.stacks.terraform(stack, "plan", "-lock=false", "-detailed-exitcode")
        assert status == 0, said


@pytest.mark.usefixtures("deployment")
def test_aws_takes_every_request_of_the_deployment(recording: Path) -> None:
    assert not list(violations(recording))
    assert len(recording.read_text(encoding="utf-8").splitlines()) > 300


#: File, text, and what stands there instead.
CHANGES = [
    ("lambda/tracking/handler.py", '"""', '"""Changed. '),
    ("stacks/gateway_responses.py", '"forbidden"', '"not_allowed"'),
    ("cdktf.json", '"dev": {', '"dev": { "tracking": { "web_acl": true },'),
]


def test_changes_are_planned_and_nothing_else_and_can_be_taken_back(
    deployment: Deployment, tmp_path: Path
) -> None:
    copy = copy_project(tmp_path / "copy", "node_modules", "build")
    for file, old, new in CHANGES:
        text = (copy / file).read_text(encoding="utf-8")
        assert old in text
        (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    subprocess.run([sys.executable, "main.py"], cwd=copy, env=deployment.environ, check=True, timeout=120)
    folder = copy / "cdktf.out/stacks/tracking-dev"
    environ = {**toolchain.environment(deployment.environ), **deployment.stacks.provider_source}

    def terraform(*command: str, folder: Path = folder) -> str:
        options = ["-input=false"] * (command[0] != "show")
        return subprocess.check_output(
            ["terraform", *command[:1], *options, *command[1:]],
            cwd=folder,
            env=environ,
            text=True,
            timeout=300,
        )

    terraform("init")
    terraform("plan", "-out=plan.bin")
    planned: dict[str, Any] = {
        change["type"]: change["change"]
        for change in json.loads(terraform("show", "-json", "plan.bin"))["resource_changes"]
        if change["change"]["actions"] not in (["no-op"], ["read"])
    }
    assert {kind: change["actions"] for kind, change in planned.items()} == {
        "aws_lambda_function": ["update"],
        "aws_api_gateway_gateway_response": ["update"],
        "aws_api_gateway_deployment": ["create", "delete"],
        "aws_api_gateway_stage": ["update"],
        "aws_wafv2_web_acl": ["create"],
        "aws_wafv2_web_acl_association": ["create"],
        "aws_wafv2_web_acl_logging_configuration": ["create"],
        "aws_cloudwatch_log_group": ["create"],
    }
    before, after = (planned["aws_lambda_function"][side] for side in ("before", "after"))
    assert before["function_name"] == "tracking-processor-dev"
    assert {name for name in after if before.get(name) != after[name]} == {"source_code_hash"}

    terraform("apply", "plan.bin")
    waf, api = boto3.client("wafv2"), boto3.client("apigateway")
    id = next(item["id"] for item in api.get_rest_apis()["items"] if item["name"] == "tracking-api-dev")
    stage = f"arn:aws:apigateway:us-east-1::/restapis/{id}/stages/dev"
    assert waf.get_web_acl_for_resource(ResourceArn=stage)["WebACL"]["Name"] == "tracking-dev"

    terraform("init", folder=deployment.folder)
    terraform("apply", "-auto-approve", folder=deployment.folder)
    assert not [
        item for item in waf.list_web_acls(Scope="REGIONAL")["WebACLs"] if item["Name"] == "tracking-dev"
    ]


def test_a_deploy_is_refused_by_the_lock_of_another_and_a_stale_lock_is_found_and_released(
    deployment: Deployment,
) -> None:
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    place = {"Bucket": "shipment-tracking-state-us-east-1", "Key": "public/dev/terraform.tfstate.tflock"}
    lock = str(uuid.uuid4())
    s3.put_object(**place, Body=json.dumps({"ID": lock, "Path": "{Bucket}/{Key}".format(**place)}))
    second = tool(deployment, "deploy", "--auto-approve", "--stack", "public-dev")
    assert second.returncode == 1
    sentence = second.stderr.strip().splitlines()[-1]
    assert sentence.startswith("Error: Another deploy holds the lock")
    assert f"LOCK={lock}" in sentence

    assert tool(deployment, "unlock", "--lock", lock).stdout == "Released the lock of public-dev.\n"
    again = tool(deployment, "unlock", "--lock", lock)
    assert again.returncode == 1
    assert again.stderr.startswith(
        "Error: None of tracking-dev, partners-dev, public-dev, state has this lock"
    )


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
