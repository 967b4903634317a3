"""Two environments in one account, deployed at once: a preview through kills, which is ended, and prod."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from local.aws import EmbeddedAws
from main import ROOT
from tests.conformance import recorded, violations
from tests.e2e.conftest import REGION, Environment
from tests.e2e.kills import ITEM, deploy_through_kills, knows_what_is_served, there
from tools.deploy import REPORTS
from tools.state_bucket import create_state_bucket


@pytest.fixture(scope="module")
def environments(aws: EmbeddedAws, running_provider: dict[str, str]) -> tuple[Environment, Environment]:
    ended, kept = Environment("pr-1", aws), Environment("prod", aws)
    create_state_bucket(ended.settings)
    with recorded(aws.endpoint), ThreadPoolExecutor() as pool:
        other = pool.submit(deploy_as_the_workflows_do, kept)
        deploy_through_kills(ended, running_provider)
        other.result()
    return ended, kept


def deploy_as_the_workflows_do(environment: Environment) -> None:
    """Nothing of the environment is there yet; what is applied is the plan that was made then."""
    environment.make("plan", SAVE="1")
    environment.make("pack", PLAN_KEY="secret")
    shutil.rmtree(ROOT / environment.output)
    environment.make("unpack", PLAN_KEY="secret")
    said = environment.make("apply")
    assert said.count("Apply complete!") == len(environment.stacks.names)


@pytest.mark.usefixtures("environments")
def test_aws_takes_every_request_of_the_deployments(recording: Path) -> None:
    assert not list(violations(recording))
    assert len(recording.read_text(encoding="utf-8").splitlines()) > 600


def test_after_kills_nothing_is_there_twice_or_lost(environments: tuple[Environment, Environment]) -> None:
    name = environments[0].name
    assert there(name) == dict.fromkeys(("api", "http api", "key"), 1) | {"mapping": 2}
    assert knows_what_is_served(environments[0])
    assert boto3.client("dynamodb").scan(TableName=f"tracking-data-{name}")["Items"] == [ITEM]


def test_drift_is_told_with_what_has_changed(
    environments: tuple[Environment, Environment], running_provider: dict[str, str]
) -> None:
    kept = environments[1]
    boto3.client("cloudwatch", region_name=REGION).delete_alarms(AlarmNames=["tracking-api-5xx-prod"])
    status, said = kept.run("tools.deploy", "drift", "--stack", "tracking-prod", **running_provider)
    assert status == 1
    assert said.splitlines()[-1].startswith(
        "Error: tracking-prod: what is there is not what the code describes"
    )
    assert re.search(r'\+ resource "aws_cloudwatch_metric_alarm" "alarms_tracking-api-5xx', said)
    report = (REPORTS / "tracking-prod.md").read_text(encoding="utf-8")
    assert "<b>tracking-prod</b>: Plan: 1 to add, " in report
    assert "Refreshing state" not in report

    again = ("deploy", "--auto-approve", "--stack", "tracking-prod")
    status, said = kept.run("tools.deploy", *again, **running_provider)
    assert status == 0, said


def test_one_environment_is_destroyed_and_plain_terraform_finds_the_other_as_it_was(
    environments: tuple[Environment, Environment], running_provider: dict[str, str], tmp_path: Path
) -> None:
    ended, kept = environments
    resources, states = kept.resources(), kept.states()
    assert len(resources) > 5
    assert len(states) == len(ended.states()) == len(kept.stacks.names)

    status, said = ended.run("tools.deploy", "destroy", "--auto-approve", **running_provider)
    assert status == 0, said

    assert not ended.states()
    left = [
        *boto3.client("dynamodb").list_tables()["TableNames"],
        *(item["FunctionName"] for item in boto3.client("lambda").list_functions()["Functions"]),
        *(item["RoleName"] for item in boto3.client("iam").list_roles()["Roles"]),
        *(item["name"] for item in boto3.client("apigateway").get_rest_apis()["items"]),
        *(item["Name"] for item in boto3.client("apigatewayv2").get_apis()["Items"]),
        *(item["AliasName"] for item in boto3.client("kms").list_aliases()["Aliases"]),
        *(item["AlarmName"] for item in boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]),
        *(item["DashboardName"] for item in boto3.client("cloudwatch").list_dashboards()["DashboardEntries"]),
        *(item["Name"] for item in boto3.client("ssm").describe_parameters()["Parameters"]),
        *(item["logGroupName"] for item in boto3.client("logs").describe_log_groups()["logGroups"]),
        *(item["TopicArn"] for item in boto3.client("sns").list_topics()["Topics"]),
        *boto3.client("sqs").list_queues().get("QueueUrls", []),
    ]
    assert not [name for name in left if re.search(r"\bpr-1\b", name)]
    assert kept.resources() == resources
    assert kept.states() == states
    # A stack's folder alone is enough.
    for stack in kept.stacks.names:
        copy = tmp_path / stack
        shutil.copytree(
            ROOT / kept.output / "stacks" / stack, copy, ignore=shutil.ignore_patterns(".terraform")
        )
        locked = (copy / ".terraform.lock.hcl").read_bytes()
        terraform = {**kept.environ, **kept.stacks.provider_source}
        for command in (["init", "-input=false"], ["plan", "-input=false", "-no-color"]):
            run = subprocess.run(
                ["terraform", *command], cwd=copy, env=terraform, capture_output=True, text=True, check=False
            )
            assert run.returncode == 0, run.stderr
        assert (copy / ".terraform.lock.hcl").read_bytes() == locked, "the lock knows this machine's provider"
        assert "No changes" in run.stdout, run.stdout
