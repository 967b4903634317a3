"""What has to hold of the public stack."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

import contract
from main import ROOT
from tests.synthesis import (
    grants,
    referred,
    resource,
    resources,
    settings,
    stacks,
    statements,
    synthesize,
)

#: What the role may do, as (action, type, name of the resource).
GRANTS = {
    ("logs:CreateLogStream", "aws_cloudwatch_log_group", "/aws/lambda/tracking-public-{env}:*"),
    ("logs:PutLogEvents", "aws_cloudwatch_log_group", "/aws/lambda/tracking-public-{env}:*"),
    ("cloudwatch:PutMetricData", "*", ""),
    ("dynamodb:Query", "dynamodb", "table/tracking-data-{env}"),
    ("dynamodb:GetItem", "dynamodb", "table/tracking-shipments-{env}"),
}


@pytest.fixture
def stack(env: str) -> dict[str, Any]:
    found: dict[str, Any] = stacks(env)[f"public-{env}"]
    return found


@pytest.fixture
def function(stack: dict[str, Any]) -> dict[str, Any]:
    return resource(stack, "aws_lambda_function")


@pytest.fixture(scope="module")
def closed() -> dict[str, Any]:
    found: dict[str, Any] = synthesize(settings("dev", public={"access": "closed"}))["public-dev"]
    return found


def test_the_allowed_sites_are_a_setting() -> None:
    shop = ["https://shop.example.com"]
    stack = synthesize(settings("dev", public={"allowed_origins": shop}))["public-dev"]
    assert resource(stack, "aws_apigatewayv2_api")["cors_configuration"]["allow_origins"] == shop


def test_every_route_leads_to_the_function(stack: dict[str, Any], function: dict[str, Any]) -> None:
    routes = resources(stack, "aws_apigatewayv2_route")
    assert {route["route_key"] for route in routes} == {"$default", "GET /shipments/{tracking_id+}"}
    integration = resource(stack, "aws_apigatewayv2_integration")
    assert (integration["integration_type"], integration["payload_format_version"]) == ("AWS_PROXY", "2.0")
    assert referred(stack, integration["integration_uri"])[1] == function
    for route in routes:
        assert referred(stack, route["target"].removeprefix("integrations/"))[1] == integration
        assert "authorization_type" not in route


def test_the_stage_deploys_itself_is_throttled_and_logs(stack: dict[str, Any], env: str) -> None:
    stage = resource(stack, "aws_apigatewayv2_stage")
    assert (stage["name"], stage["auto_deploy"]) == ("$default", True)
    chosen = settings(env).public
    assert stage["default_route_settings"] == {
        "throttling_rate_limit": chosen.rate_limit,
        "throttling_burst_limit": chosen.burst_limit,
    }
    log = stage["access_log_settings"]
    assert referred(stack, log["destination_arn"])[1]["name"] == (
        f"/aws/vendedlogs/apigateway/tracking-public-{env}"
    )


def test_the_function_is_as_announced(stack: dict[str, Any], env: str, function: dict[str, Any]) -> None:
    assert (function["function_name"], function["memory_size"], function["timeout"]) == (
        f"tracking-public-{env}",
        512,
        60,
    )
    variables = function["environment"]["variables"]
    assert variables[contract.ENVIRONMENT] == env
    assert variables[contract.REGION] == "${data.aws_region.region.name}"
    assert variables[contract.TABLE_NAME] == f"tracking-data-{env}"
    assert variables[contract.SHIPMENTS_TABLE] == f"tracking-shipments-{env}"
    module, _, name = function["handler"].rpartition(".")
    source = ROOT / "lambda" / f"{module.replace('.', '/')}.py"
    assert f"def {name}(" in source.read_text("utf-8")
    groups = {
        f"aws_cloudwatch_log_group.{key}": item["name"]
        for key, item in stack["resource"]["aws_cloudwatch_log_group"].items()
    }
    assert [groups[first] for first in function["depends_on"] if first in groups] == [
        f"/aws/lambda/tracking-public-{env}"
    ]


def test_the_role_may_do_what_the_function_does_and_no_more(stack: dict[str, Any], env: str) -> None:
    expected = {(action, kind, name.format(env=env)) for action, kind, name in GRANTS}
    if settings(env).partners.enabled:
        expected.add(("dynamodb:Query", "dynamodb", f"table/tracking-references-{env}"))
    if env == "prod":
        expected |= {(action, "kms", "key/*") for action in ("kms:Decrypt", "kms:GenerateDataKey*")}
        expected.add(("kms:Decrypt", "aws_kms_key", "Encrypts what tracking-public-prod stores and sends"))
    assert grants(stack, f"tracking-public-role-{env}") == expected


def test_of_the_keys_of_the_account_the_tables_alone_may_be_used_for_the_table_alone() -> None:
    stack = stacks("prod")["public-prod"]
    (statement,) = (item for item in statements(stack) if item["Resource"][0].endswith(":key/*"))
    assert statement["Condition"]["ForAnyValue:StringEquals"] == {
        "kms:ResourceAliases": "alias/tracking-prod"
    }
    assert statement["Condition"]["StringEquals"]["kms:ViaService"].startswith("dynamodb.${")
    assert resource(stacks("prod")["tracking-prod"], "aws_kms_alias", name="alias/tracking-prod")


def test_metrics_may_be_sent_to_one_namespace(stack: dict[str, Any], function: dict[str, Any]) -> None:
    (statement,) = (item for item in statements(stack) if item["Resource"] == ["*"])
    assert statement["Action"] == ["cloudwatch:PutMetricData"]
    namespace = function["environment"]["variables"]["POWERTOOLS_METRICS_NAMESPACE"]
    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": namespace}}


def test_logs_are_kept_as_long_as_the_settings_say(stack: dict[str, Any], env: str) -> None:
    days = {"dev": 30, "prod": 365}[env]
    assert {group["retention_in_days"] for group in resources(stack, "aws_cloudwatch_log_group")} == {days}


def test_prod_encrypts_logs_and_variables_with_a_key_of_its_own(
    stack: dict[str, Any], env: str, function: dict[str, Any]
) -> None:
    keys = {group.get("kms_key_id") for group in resources(stack, "aws_cloudwatch_log_group")}
    keys.add(function.get("kms_key_arn"))
    (key,) = keys
    assert (key and referred(stack, key)[0]) == (None if env == "dev" else "aws_kms_key")


def test_the_dashboard_shows_the_function(stack: dict[str, Any], function: dict[str, Any]) -> None:
    widgets = json.loads(resource(stack, "aws_cloudwatch_dashboard")["dashboard_body"])["widgets"]
    status, *graphs = widgets
    assert {referred(stack, arn)[1]["alarm_name"] for arn in status["properties"]["alarms"]} == {
        alarm["alarm_name"]
        for kind in ("metric", "composite")
        for alarm in resources(stack, f"aws_cloudwatch_{kind}_alarm")
        if "alarm_actions" in alarm
    }
    metrics = [metric for widget in graphs for metric in widget["properties"]["metrics"]]
    assert {metric[1] for metric in metrics} == {"Invocations", "Errors", "Throttles", "Duration"}
    for metric in metrics:
        assert metric[2] == "FunctionName"
        assert referred(stack, metric[3])[1] == function


def test_the_outputs(stack: dict[str, Any], env: str) -> None:
    outputs = {name: output["value"] for name, output in stack["output"].items()}
    assert set(outputs) == {
        "api_gateway_url",
        "lambda_function_name",
        "lambda_function_arn",
        "api_gateway_id",
        "cloudwatch_log_group",
        "environment_suffix",
        "lambda_role_arn",
        "region",
        "memory_size",
        "timeout",
        "runtime",
    }
    assert (outputs["environment_suffix"], outputs["memory_size"], outputs["timeout"]) == (env, 512, 60)
    assert outputs["region"] == "${data.aws_region.region.name}"
    assert referred(stack, outputs["cloudwatch_log_group"])[1]["name"].startswith("/aws/lambda/")


def test_every_resource_is_tagged_and_every_name_holds_the_environment(
    stack: dict[str, Any], env: str
) -> None:
    tags = stack["provider"]["aws"][0]["default_tags"][0]["tags"]
    assert tags["Environment"] == env
    for kind, attribute in (
        ("aws_apigatewayv2_api", "name"),
        ("aws_cloudwatch_dashboard", "dashboard_name"),
        ("aws_cloudwatch_log_group", "name"),
        ("aws_cloudwatch_metric_alarm", "alarm_name"),
        ("aws_iam_role", "name"),
        ("aws_lambda_function", "function_name"),
    ):
        assert resources(stack, kind)
        for item in resources(stack, kind):
            assert re.split(r"[-/]", item[attribute])[-1] == env


#: What a plan may ask AWS for: what is there in an empty account.
LOOK_UPS = {"aws_caller_identity", "aws_partition", "aws_region", "aws_ssm_parameters_by_path"}


def test_no_plan_looks_for_what_is_not_there_in_an_empty_account(env: str) -> None:
    for stack in stacks(env).values():
        assert stack["data"].keys() <= LOOK_UPS


def test_no_state_is_read_by_another_stack(env: str) -> None:
    assert "terraform_remote_state" not in json.dumps(stacks(env))


def test_closed_tracking_leaves_no_way_to_a_shipment(closed: dict[str, Any]) -> None:
    assert [route["route_key"] for route in resources(closed, "aws_apigatewayv2_route")] == ["$default"]
    assert "dynamodb" not in json.dumps(closed)
    assert contract.TABLE_NAME not in resource(closed, "aws_lambda_function")["environment"]["variables"]


def test_the_names_are_not_too_long_for_the_longest_suffix() -> None:
    suffix = "x" * 32
    stack = synthesize(replace(settings("dev"), environment=suffix))[f"public-{suffix}"]
    assert len(resource(stack, "aws_iam_role")["name"]) <= 64
    assert len(resource(stack, "aws_lambda_function")["function_name"]) <= 64
