"""What has to hold of the synthesized stacks whatever the snapshots say, most of all what only AWS would refuse."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from main import ROOT
from tests.synthesis import (
    functions,
    grants,
    referred,
    resource,
    resources,
    settings,
    statements,
    synthesize,
    tracking,
)

#: What a role may do, besides its logs and traces, as (action, type of the resource, attributes of it).
PROCESSOR_GRANTS = {
    ("dynamodb:PutItem", "aws_dynamodb_table", "tracking-data-{env}"),
    ("dynamodb:Query", "aws_dynamodb_table", "tracking-data-{env}"),
    ("dynamodb:Query", "aws_dynamodb_table", "tracking-data-{env}/index/StatusIndex"),
    ("dynamodb:GetItem", "aws_dynamodb_table", "tracking-shipments-{env}"),
    ("dynamodb:Query", "aws_dynamodb_table", "tracking-shipments-{env}/index/StatusIndex"),
    ("dynamodb:BatchGetItem", "aws_dynamodb_table", "tracking-shipments-{env}"),
    ("dynamodb:Query", "aws_dynamodb_table", "tracking-references-{env}"),
    ("dynamodb:Query", "aws_dynamodb_table", "tracking-shipments-{env}/index/StalledIndex"),
    ("dynamodb:Query", "aws_dynamodb_table", "tracking-shipments-{env}/index/OverdueIndex"),
    ("dynamodb:PutItem", "aws_dynamodb_table", "tracking-idempotency-{env}"),
    ("ssm:GetParameters", "aws_ssm_parameter", "/logistics/api/{env}/config"),
    ("ssm:GetParameters", "aws_ssm_parameter", "/logistics/features/{env}/flags"),
    ("sqs:SendMessage", "aws_sqs_queue", "tracking-lambda-dlq-{env}"),
    ("logs:CreateLogStream", "aws_cloudwatch_log_group", "/aws/lambda/tracking-processor-{env}:*"),
    ("logs:PutLogEvents", "aws_cloudwatch_log_group", "/aws/lambda/tracking-processor-{env}:*"),
    ("xray:PutTraceSegments", "*", ""),
    ("xray:PutTelemetryRecords", "*", ""),
}


def test_the_processor_may_do_what_it_does_and_no_more(stack: dict[str, Any], env: str) -> None:
    expected = {(action, kind, name.format(env=env)) for action, kind, name in PROCESSOR_GRANTS}
    if env == "prod":
        key = resource(stack, "aws_kms_key")["description"]
        expected |= {(action, "aws_kms_key", key) for action in ("kms:Decrypt", "kms:GenerateDataKey*")}
    assert grants(stack, f"tracking-lambda-role-{env}") == expected


def test_the_rights_on_a_key_hold_for_one_service_each_or_for_the_functions_own_variables(
    stack: dict[str, Any], env: str
) -> None:
    own = set()
    for statement in statements(stack):
        if any(action.startswith("kms:") for action in statement["Action"]):
            condition = statement["Condition"]["StringEquals"]
            if function := condition.get("kms:EncryptionContext:aws:lambda:FunctionArn"):
                assert statement["Action"] == ["kms:Decrypt"]
                own.add(referred(stack, function)[1]["name"])
            elif schedule := condition.get("kms:EncryptionContext:aws:scheduler:schedule:arn"):
                assert statement["Action"] == ["kms:Decrypt"]
                assert re.search(rf":schedule/default/tracking-[a-z]+-{env}$", schedule)
            else:
                assert re.match(r"(dynamodb|sqs|sns|s3)\.\$\{", condition["kms:ViaService"])
    names = {function["function_name"] for function in resources(stack, "aws_lambda_function")}
    assert own == ({f"function:{name}" for name in names} if env == "prod" else set())


def test_only_traces_are_granted_on_everything(stack: dict[str, Any]) -> None:
    for statement in statements(stack):
        assert statement["Effect"] == "Allow"
        if "*" in statement["Resource"]:
            assert all(action.startswith("xray:") for action in statement["Action"])
        for action in statement["Action"]:
            assert "*" not in action.removesuffix("GenerateDataKey*")


def test_nothing_names_an_account_a_partition_or_a_region(stack: dict[str, Any]) -> None:
    text = json.dumps({key: stack[key] for key in ("resource", "data", "output")})
    assert not re.search(r"\b\d{12}\b", text)
    assert "arn:aws" not in text
    assert not re.search(r"\b(us|eu|ap)-[a-z]+-\d\b", text)


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("s3", {"backend": ["s3"]}),
        ("local", {"backend": ["local"]}),
        ("hcp", {"cloud": ["organization", "workspaces"]}),
    ],
)
def test_each_stack_has_exactly_one_owner_of_its_state(owner: str, expected: dict[str, list[str]]) -> None:
    stacks = synthesize(settings("dev", state={"owner": owner, "hcp_organization": "acme"}))
    keys = set()
    for stack in stacks.values():
        found = {
            key: sorted(value) for key, value in stack["terraform"].items() if key in ("backend", "cloud")
        }
        assert found == expected
        keys.add(json.dumps([stack["terraform"].get("backend"), stack["terraform"].get("cloud")]))
    assert len(keys) == len(stacks), "two stacks share a state"


def test_the_state_in_s3_is_encrypted_locked_and_apart_for_each_environment() -> None:
    backends = [tracking(env)["terraform"]["backend"]["s3"] for env in ("dev", "prod")]
    for backend in backends:
        assert backend["encrypt"] is True
        assert backend["use_lockfile"] is True
        assert "dynamodb_table" not in backend
        assert "${" not in json.dumps(backend), "a backend takes no expressions"
    assert len({backend["key"] for backend in backends}) == len(backends)


def test_the_state_bucket_is_private_and_keeps_old_versions() -> None:
    stack = synthesize(settings("dev"))["state"]
    bucket = resource(stack, "aws_s3_bucket")
    assert bucket["lifecycle"]["prevent_destroy"] is True
    assert re.fullmatch(r"[a-z0-9-]{3,63}", bucket["bucket"])
    assert resource(stack, "aws_s3_bucket_versioning")["versioning_configuration"]["status"] == "Enabled"
    rule = resource(stack, "aws_s3_bucket_lifecycle_configuration")["rule"][0]
    assert rule["noncurrent_version_expiration"][0]["noncurrent_days"] > 0
    private = resource(stack, "aws_s3_bucket_public_access_block")
    assert all(
        value is True for key, value in private.items() if key.startswith(("block", "ignore", "restrict"))
    )
    refusal = json.loads(resource(stack, "aws_s3_bucket_policy")["policy"])["Statement"][0]
    assert refusal["Effect"] == "Deny"
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(refusal["Resource"]) == 2


def test_the_account_wide_role_of_api_gateway_is_in_the_state_stack_alone() -> None:
    stacks = synthesize(settings("dev"))
    assert resources(stacks["state"], "aws_api_gateway_account")
    assert not resources(stacks["tracking-dev"], "aws_api_gateway_account")
    without = synthesize(settings("dev", deployment={"api_gateway_account_role": False}))
    assert not resources(without["state"], "aws_api_gateway_account")


def test_names_stay_within_the_limits_for_the_longest_suffix() -> None:
    suffix = "x" * 32
    stack = synthesize(replace(settings("dev"), environment=suffix))[f"tracking-{suffix}"]
    for kind, attribute in (("aws_iam_role", "name"), ("aws_lambda_function", "function_name")):
        assert all(len(item[attribute]) <= 64 for item in resources(stack, kind))
    assert all(len(item["name"]) <= 80 for item in resources(stack, "aws_sqs_queue"))
    name = resource(stack, "aws_s3_bucket")["bucket"]
    assert len(re.sub(r"\$\{substr\(.*, 0, 12\)\}", "0" * 12, name)) <= 63


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [
        ("aws_api_gateway_rest_api", "name"),
        ("aws_cloudwatch_dashboard", "dashboard_name"),
        ("aws_cloudwatch_log_group", "name"),
        ("aws_cloudwatch_metric_alarm", "alarm_name"),
        ("aws_dynamodb_table", "name"),
        ("aws_iam_role", "name"),
        ("aws_kms_alias", "name"),
        ("aws_lambda_function", "function_name"),
        ("aws_sns_topic", "name"),
        ("aws_sqs_queue", "name"),
        ("aws_ssm_parameter", "name"),
    ],
)
def test_every_name_holds_the_environment(stack: dict[str, Any], env: str, kind: str, attribute: str) -> None:
    assert resources(stack, kind)
    for item in resources(stack, kind):
        assert env in re.split(r"[-/]", item[attribute])


def test_a_function_has_its_log_group_first_and_an_environment_that_lambda_takes(
    stack: dict[str, Any],
) -> None:
    for function in resources(stack, "aws_lambda_function"):
        groups = {
            f"aws_cloudwatch_log_group.{key}": item["name"]
            for key, item in stack["resource"]["aws_cloudwatch_log_group"].items()
        }
        first = [groups[name] for name in function["depends_on"] if name in groups]
        assert first == [f"/aws/lambda/{function['function_name']}"]
        assert any(name.startswith("aws_iam_role_policy.") for name in function["depends_on"])
        variables = function["environment"]["variables"]
        assert not [name for name in variables if name.startswith(("AWS_", "LAMBDA_", "_"))]
        assert len(json.dumps(variables)) < 4096
        assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
        assert function["tracing_config"] == {"mode": "Active"}
        assert function["source_code_hash"] == f'${{filebase64sha256("{function["filename"]}")}}'


def test_every_folder_of_a_function_is_deployed() -> None:
    assert functions("dev").keys() == {path.parent.name for path in ROOT.glob("lambda/*/handler.py")}


def test_policies_stay_within_the_limit(stack: dict[str, Any]) -> None:
    for policy in resources(stack, "aws_iam_role_policy"):
        assert len(policy["policy"]) < 10_240


def test_cloudwatch_may_publish_to_the_encrypted_topic(stack: dict[str, Any], env: str) -> None:
    topic = resource(stack, "aws_sns_topic", name=f"tracking-alarms-{env}")
    kind, key = referred(stack, topic["kms_master_key_id"])
    assert kind == "aws_kms_key"
    assert key["enable_key_rotation"] is True
    services = {
        statement["Principal"].get("Service"): statement
        for statement in json.loads(key["policy"])["Statement"]
    }
    assert set(services["cloudwatch.amazonaws.com"]["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert services["cloudwatch.amazonaws.com"]["Condition"]


def test_the_key_serves_the_log_groups_of_this_account(stack: dict[str, Any]) -> None:
    """CloudWatch Logs user guide, "Encrypt log data using AWS KMS"."""
    policy = json.loads(resource(stack, "aws_kms_key")["policy"])["Statement"]
    (logs,) = (item for item in policy if item["Principal"].get("Service", "").startswith("logs."))
    wanted = {"Encrypt", "Decrypt", "ReEncrypt*", "GenerateDataKey*", "DescribeKey"}
    assert set(logs["Action"]) == {f"kms:{action}" for action in wanted}
    (groups,) = logs["Condition"]["ArnLike"].values()
    assert groups.endswith(":${data.aws_caller_identity.account.account_id}:log-group:*")


def test_prod_is_not_destroyed_by_accident() -> None:
    kept = ("aws_dynamodb_table", "aws_cloudwatch_log_group")
    for kind in kept:
        for item in resources(tracking("prod"), kind):
            if "idempotency" not in item["name"]:
                assert item["lifecycle"]["prevent_destroy"] is True
                # Of the lifecycle Terraform knows nothing once the block is gone.
                assert item.get("skip_destroy", kind == "aws_dynamodb_table") is True
        assert not any(
            item.get("lifecycle", {}).get("prevent_destroy") for item in resources(tracking("dev"), kind)
        )
    table = resource(tracking("prod"), "aws_dynamodb_table", name="tracking-data-prod")
    assert table["deletion_protection_enabled"] is True


def test_prod_encrypts_with_its_own_key(env: str, stack: dict[str, Any]) -> None:
    tables = [item["server_side_encryption"] for item in resources(stack, "aws_dynamodb_table")]
    groups = [item.get("kms_key_id", "") for item in resources(stack, "aws_cloudwatch_log_group")]
    queue = resource(stack, "aws_sqs_queue")
    if env == "prod":
        assert all(referred(stack, item["kms_key_arn"])[0] == "aws_kms_key" for item in tables)
        assert all(referred(stack, group)[0] == "aws_kms_key" for group in groups)
        assert referred(stack, queue["kms_master_key_id"])[0] == "aws_kms_key"
    else:
        assert all(item == {"enabled": True} for item in tables)
        assert queue["sqs_managed_sse_enabled"] is True


def test_addresses_are_asked_for_by_name() -> None:
    stack = synthesize(settings("dev", monitoring={"emails": ["night@example.com"]}))["tracking-dev"]
    subscription = resource(stack, "aws_sns_topic_subscription", endpoint="night@example.com")
    assert subscription["protocol"] == "email"


def test_cdktf_json_runs_main() -> None:
    assert "main.py" in json.loads((ROOT / "cdktf.json").read_bytes())["app"]
