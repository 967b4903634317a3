"""What has to hold of each stack with an HTTP API."""

import re
from typing import Any

import pytest

import contract
from tests.synthesis import referred, resource, resources, settings, synthesize, tracking


@pytest.fixture(scope="module", params=["public", "partners"])
def stack(request: pytest.FixtureRequest, env: str) -> dict[str, Any]:
    found: dict[str, Any] = synthesize(settings(env, partners={"enabled": True}))[f"{request.param}-{env}"]
    return found


def test_what_is_named_is_what_the_tracking_stack_makes(stack: dict[str, Any], env: str) -> None:
    alarms = resources(stack, "aws_cloudwatch_metric_alarm")
    (topic,) = {action for alarm in alarms for action in alarm.get("alarm_actions", [])}
    assert resource(tracking(env), "aws_sns_topic", name=referred(stack, topic)[1]["name"])
    functions = resources(stack, "aws_lambda_function")
    names = {function["environment"]["variables"].get(contract.TABLE_NAME) for function in functions} - {None}
    for name in names:
        assert resource(tracking(env), "aws_dynamodb_table", name=name)
    assert names


def test_no_log_names_a_shipment_a_source_or_a_caller(stack: dict[str, Any]) -> None:
    logged = resource(stack, "aws_apigatewayv2_stage")["access_log_settings"]["format"]
    assert not re.search(r"\$context\.(path|identity|http\.path|domain|authorizer)", logged)
