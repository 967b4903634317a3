"""What a security reviewer asks of the synthesized stacks and checkov does not, or not of each resource."""

import json
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from contract.routes import LIMIT, MAX_TIME
from shipments.page import Position
from stacks.constructs.web_acl import RULE_GROUPS
from tests.synthesis import referred, resource, resources, settings, synthesize, tracking
from web import cursor


@pytest.mark.parametrize("env", ["dev", "prod"])
@pytest.mark.parametrize(
    ("kind", "policy_kind", "reference", "action"),
    [
        ("aws_sqs_queue", "aws_sqs_queue_policy", "queue_url", "sqs:*"),
        # SNS refuses an action in a topic's policy that is not one on a topic, and so sns:*.
        ("aws_sns_topic", "aws_sns_topic_policy", "arn", "sns:Publish"),
    ],
)
def test_every_queue_and_topic_refuses_whoever_comes_without_tls(
    env: str, kind: str, policy_kind: str, reference: str, action: str
) -> None:
    stack = tracking(env)
    guarded = []
    for policy in resources(stack, policy_kind):
        owner = referred(stack, policy[reference])[1]
        refusals = [item for item in json.loads(policy["policy"])["Statement"] if item["Effect"] == "Deny"]
        assert len(refusals) == 1
        assert refusals[0]["Principal"] == "*"
        assert refusals[0]["Action"] == action
        assert refusals[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert [referred(stack, text)[1] for text in refusals[0]["Resource"]] == [owner]
        guarded.append(owner["name"])
    assert sorted(guarded) == sorted(item["name"] for item in resources(stack, kind))


def test_prod_keeps_every_log_for_a_year_and_encrypts_all_with_its_own_key() -> None:
    stack = tracking("prod")
    encrypted = {
        "aws_cloudwatch_log_group": "kms_key_id",
        "aws_lambda_function": "kms_key_arn",
        "aws_sns_topic": "kms_master_key_id",
        "aws_sqs_queue": "kms_master_key_id",
    }
    for kind, attribute in encrypted.items():
        assert resources(stack, kind)
        for item in resources(stack, kind):
            assert referred(stack, item[attribute])[0] == "aws_kms_key", item
    assert all(item["retention_in_days"] >= 365 for item in resources(stack, "aws_cloudwatch_log_group"))


def test_the_parameter_for_others_is_encrypted_with_the_key_of_prod() -> None:
    stack = tracking("prod")
    parameter = resource(stack, "aws_ssm_parameter", type="SecureString")
    assert parameter["name"] == "/logistics/db/prod/endpoint"
    assert referred(stack, parameter["key_id"])[0] == "aws_kms_key"


def test_the_web_acl_is_there_where_the_settings_ask_for_it() -> None:
    assert not [kind for kind in tracking("dev")["resource"] if "waf" in kind]
    stack = synthesize(settings("dev", tracking={"web_acl": True}))["tracking-dev"]
    association = resource(stack, "aws_wafv2_web_acl_association")
    assert referred(stack, association["resource_arn"])[0] == "aws_api_gateway_stage"
    assert referred(stack, association["web_acl_arn"])[0] == "aws_wafv2_web_acl"


@pytest.fixture
def acl() -> dict[str, Any]:
    return resource(tracking("prod"), "aws_wafv2_web_acl")


def test_the_web_acl_refuses_floods_and_known_attacks_but_no_update_that_the_api_takes(
    acl: dict[str, Any],
) -> None:
    assert acl["scope"] == "REGIONAL"
    assert acl["default_action"] == {"allow": {}}
    priorities = [rule["priority"] for rule in acl["rule"]]
    assert len(set(priorities)) == len(priorities)
    rate, *groups = acl["rule"]
    assert rate["action"] == {"block": {}}
    window = rate["statement"]["rate_based_statement"]
    assert window["limit"] / window["evaluation_window_sec"] == settings("prod").tracking.rate_limit / 2
    counted = {}
    for rule in groups:
        assert rule["override_action"] == {"none": {}}, "a count here would let everything through"
        group = rule["statement"]["managed_rule_group_statement"]
        assert group["vendor_name"] == "AWS"
        counted[group["name"]] = [
            item["name"]
            for item in group.get("rule_action_override", [])
            if item["action_to_use"] == {"count": {}}
        ]
    assert counted == RULE_GROUPS
    assert "SizeRestrictions_BODY" in counted["AWSManagedRulesCommonRuleSet"]


def test_every_rate_limit_makes_a_rate_that_waf_takes() -> None:
    stack = synthesize(settings("dev", tracking={"web_acl": True, "rate_limit": 1}))["tracking-dev"]
    rate = resource(stack, "aws_wafv2_web_acl")["rule"][0]["statement"]["rate_based_statement"]
    assert 10 <= rate["limit"] <= 2_000_000_000


def test_the_longest_query_is_shorter_than_the_common_rules_allow() -> None:
    longest = "\N{PACKAGE}" * 100
    token = cursor.encode(Position(longest, MAX_TIME), ("status", longest))
    numbers = {"as_of": MAX_TIME, "limit": LIMIT.maximum}
    query = urlencode({"tracking_id": longest, **numbers, "last_key": token}, quote_via=quote)
    assert len(query) <= 2048


def test_metrics_of_the_web_acl_are_the_environments_own_and_no_sample_is_kept(acl: dict[str, Any]) -> None:
    shown = [acl["visibility_config"], *(rule["visibility_config"] for rule in acl["rule"])]
    names = [item["metric_name"] for item in shown]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"tracking-prod[\w-]{0,115}", name) for name in names)
    assert not any(item["sampled_requests_enabled"] for item in shown)


def test_the_log_of_the_web_acl_has_what_was_refused_and_neither_query_nor_credentials() -> None:
    stack = tracking("prod")
    logging = resource(stack, "aws_wafv2_web_acl_logging_configuration")
    kind, group = referred(stack, logging["log_destination_configs"][0])
    assert (kind, group["name"]) == ("aws_cloudwatch_log_group", "aws-waf-logs-tracking-prod")
    assert logging["logging_filter"]["default_behavior"] == "DROP"
    kept = logging["logging_filter"]["filter"][0]
    assert kept["condition"] == [{"action_condition": {"action": "BLOCK"}}]
    assert {"query_string": {}} in logging["redacted_fields"]
    assert {"single_header": {"name": "authorization"}} in logging["redacted_fields"]
