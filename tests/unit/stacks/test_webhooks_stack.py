"""What has to hold of webhooks in the partners' stack."""

import json
from dataclasses import replace
from typing import Any

import pytest

import contract
from contract.partner_routes import FEED, WEBHOOK_ROUTES
from delivery.receiver import LIMIT
from tests.synthesis import grants, referred, resource, resources, settings, stacks, synthesize


@pytest.fixture(scope="module")
def prod() -> dict[str, Any]:
    """The stack with a key of the customer's."""
    found: dict[str, Any] = synthesize(settings("prod", partners={"enabled": True}))["partners-prod"]
    return found


@pytest.fixture
def stack(env: str, prod: dict[str, Any]) -> dict[str, Any]:
    return prod if env == "prod" else stacks("dev")["partners-dev"]


def function(stack: dict[str, Any], package: str) -> dict[str, Any]:
    return resource(stack, "aws_lambda_function", handler=f"{package}.handler.handler")


def queue(stack: dict[str, Any], name: str, env: str) -> dict[str, Any]:
    return resource(stack, "aws_sqs_queue", name=f"{name}-{env}")


def policy_of(stack: dict[str, Any], found: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements of a queue's policy."""
    (policy,) = (
        item
        for item in resources(stack, "aws_sqs_queue_policy")
        if referred(stack, item["queue_url"])[1] == found
    )
    statements: list[dict[str, Any]] = json.loads(policy["policy"])["Statement"]
    return statements


def test_routes_are_signed_but_for_the_feed(stack: dict[str, Any]) -> None:
    for route in (*WEBHOOK_ROUTES, FEED):
        found = resource(stack, "aws_apigatewayv2_route", route_key=route.key)
        assert found.get("authorization_type") == (None if route == FEED else "AWS_IAM")
        integration = referred(stack, found["target"].removeprefix("integrations/"))[1]
        assert referred(stack, integration["integration_uri"])[1] == function(stack, "webhooks")


def test_no_other_route_of_the_api_is_open(stack: dict[str, Any]) -> None:
    routes = resources(stack, "aws_apigatewayv2_route")
    unsigned = {route["route_key"] for route in routes if not route.get("authorization_type")}
    assert unsigned == {"POST /inbound/{source}", "GET /changes"}


def test_deployed_in_aws_no_receiver_is_inside(stack: dict[str, Any]) -> None:
    for package in ("webhooks", "delivery"):
        assert contract.LOCAL_RECEIVERS not in function(stack, package)["environment"]["variables"]
        assert "vpc_config" not in function(stack, package)


def test_emulated_a_receiver_may_be_on_this_machine() -> None:
    emulated = synthesize(replace(settings("dev"), emulated=True))["partners-dev"]
    for package in ("webhooks", "delivery"):
        assert function(emulated, package)["environment"]["variables"][contract.LOCAL_RECEIVERS] == "true"
    assert contract.LOCAL_RECEIVERS not in function(emulated, "fanout")["environment"]["variables"]


def test_notifications_come_as_they_are_from_the_one_topic(stack: dict[str, Any], env: str) -> None:
    events = queue(stack, "tracking-webhook-events", env)
    (subscription,) = resources(stack, "aws_sns_topic_subscription")
    assert referred(stack, subscription["endpoint"])[1] == events
    assert subscription["protocol"] == "sqs"
    assert subscription["raw_message_delivery"] is True
    assert subscription["topic_arn"].endswith(f":tracking-notifications-{env}")
    (allowed,) = (one for one in policy_of(stack, events) if one["Effect"] == "Allow")
    assert allowed["Principal"] == {"Service": "sns.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": subscription["topic_arn"]}}


def test_the_key_lets_the_topic_in(prod: dict[str, Any]) -> None:
    """SNS cannot send to a queue under a key that it may not use (SNS developer guide, "Key management")."""
    (key,) = resources(prod, "aws_kms_key")
    (statement,) = (one for one in json.loads(key["policy"])["Statement"] if one["Sid"] == "Notifications")
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(":tracking-notifications-prod")
    for found in resources(prod, "aws_sqs_queue"):
        assert referred(prod, found["kms_master_key_id"])[1] == key


@pytest.mark.parametrize(
    ("name", "package"), [("tracking-webhook-events", "fanout"), ("tracking-deliveries", "delivery")]
)
def test_a_message_comes_again_and_becomes_a_dead_letter(
    stack: dict[str, Any], env: str, name: str, package: str
) -> None:
    found, handled_by = queue(stack, name, env), function(stack, package)
    (mapping,) = (
        item
        for item in resources(stack, "aws_lambda_event_source_mapping")
        if referred(stack, item["event_source_arn"])[1] == found
    )
    assert referred(stack, mapping["function_name"])[1] == handled_by
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    # Lambda developer guide, "Configuring SQS event source mappings": six times the timeout, five receives.
    assert found["visibility_timeout_seconds"] == 6 * handled_by["timeout"]
    redrive = json.loads(found["redrive_policy"])
    assert redrive["maxReceiveCount"] >= 5
    assert referred(stack, redrive["deadLetterTargetArn"])[1] == queue(stack, f"{name}-dlq", env)
    for one in (found, queue(stack, f"{name}-dlq", env)):
        assert [statement["Sid"] for statement in policy_of(stack, one) if statement["Effect"] == "Deny"] == [
            "TlsOnly"
        ]


def test_a_run_has_messages_of_one_webhook_and_time_for_its_requests(stack: dict[str, Any], env: str) -> None:
    deliveries = queue(stack, "tracking-deliveries", env)
    (mapping,) = (
        item
        for item in resources(stack, "aws_lambda_event_source_mapping")
        if referred(stack, item["event_source_arn"])[1] == deliveries
    )
    assert mapping["batch_size"] == 1
    assert function(stack, "delivery")["timeout"] > LIMIT


def test_what_is_put_aside_is_looked_at_every_minute(stack: dict[str, Any]) -> None:
    (schedule,) = resources(stack, "aws_scheduler_schedule")
    assert schedule["schedule_expression"] == "rate(1 minutes)"
    assert referred(stack, schedule["target"]["arn"])[1] == function(stack, "delivery")


def test_deliveries_expire_and_webhooks_are_protected(stack: dict[str, Any], env: str) -> None:
    deliveries = resource(stack, "aws_dynamodb_table", name=f"tracking-deliveries-{env}")
    assert deliveries["ttl"] == {"attribute_name": "expires", "enabled": True}
    (index,) = deliveries["global_secondary_index"]
    assert (index["hash_key"], index["range_key"], index["projection_type"]) == (
        "webhook",
        "due",
        "KEYS_ONLY",
    )
    webhooks = resource(stack, "aws_dynamodb_table", name=f"tracking-webhooks-{env}")
    assert webhooks["deletion_protection_enabled"] is (env == "prod")


def test_no_function_of_webhooks_may_touch_shipments(stack: dict[str, Any], env: str) -> None:
    for name in ("webhooks", "fanout", "delivery"):
        named = {resource for _, _, resource in grants(stack, f"tracking-{name}-role-{env}")}
        assert named
        assert not [one for one in named if "tracking-data" in one or "tracking-shipments" in one]
