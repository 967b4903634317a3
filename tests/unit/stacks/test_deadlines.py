"""What has to hold of the function that declares shipments stalled or overdue, and of what starts it."""

import json
import re
from typing import Any

import contract
from stacks.settings_schema import settings as schemas
from tests.metrics import metrics
from tests.synthesis import every_grant, grants, referred, resource, resources, settings, synthesize


def schedule_of(stack: dict[str, Any]) -> dict[str, Any]:
    schedules = resources(stack, "aws_scheduler_schedule")
    (found,) = [item for item in schedules if item["name"].startswith("tracking-deadlines-")]
    return found


def function(stack: dict[str, Any], env: str, name: str = "deadlines") -> dict[str, Any]:
    return resource(stack, "aws_lambda_function", function_name=f"tracking-{name}-{env}")


def schedule_minutes(stack: dict[str, Any]) -> int:
    rate = re.fullmatch(r"rate\((\d+) minutes\)", schedule_of(stack)["schedule_expression"])
    assert rate
    return int(rate[1])


def test_the_function_may_do_what_it_does_and_no_more(stack: dict[str, Any], env: str) -> None:
    table = f"tracking-shipments-{env}"
    expected = every_grant(stack, "deadlines", env) | {
        ("dynamodb:Query", "aws_dynamodb_table", f"{table}/index/DueIndex"),
        ("dynamodb:GetItem", "aws_dynamodb_table", table),
        ("dynamodb:PutItem", "aws_dynamodb_table", table),
    }
    assert grants(stack, f"tracking-deadlines-role-{env}") == expected


def test_one_schedule_starts_it_and_may_do_nothing_else(stack: dict[str, Any], env: str) -> None:
    schedule = schedule_of(stack)
    assert schedule.get("state", "ENABLED") == "ENABLED"
    assert schedule["flexible_time_window"] == {"mode": "OFF"}
    assert referred(stack, schedule["target"]["arn"])[1] == function(stack, env)
    role = referred(stack, schedule["target"]["role_arn"])[1]
    (trust,) = json.loads(role["assume_role_policy"])["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    (account,) = trust["Condition"]["StringEquals"].items()
    assert account == ("aws:SourceAccount", "${data.aws_caller_identity.account.account_id}")
    expected = {("lambda:InvokeFunction", "aws_lambda_function", "")}
    if env == "prod":
        assert referred(stack, schedule["kms_key_arn"])[0] == "aws_kms_key"
        expected |= {("kms:Decrypt", "aws_kms_key", resource(stack, "aws_kms_key")["description"])}
    assert grants(stack, role["name"]) == expected
    # Made before its right, it would be refused at first.
    policy = re.fullmatch(r"aws_iam_role_policy\.(\w+)", *schedule["depends_on"])
    assert policy
    assert referred(stack, stack["resource"]["aws_iam_role_policy"][policy[1]]["role"])[1] == role


def test_a_start_that_fails_is_over_when_the_next_one_comes(stack: dict[str, Any], env: str) -> None:
    seconds = schedule_minutes(stack) * 60
    retries = schedule_of(stack)["target"]["retry_policy"]
    assert retries["maximum_event_age_in_seconds"] <= seconds
    assert function(stack, env)["timeout"] <= seconds


def test_it_is_told_of_when_it_is_late_or_not_started(stack: dict[str, Any], env: str) -> None:
    seconds = schedule_minutes(stack) * 60
    lag, stopped = (
        resource(stack, "aws_cloudwatch_metric_alarm", alarm_name=f"tracking-deadlines-{name}-{env}")
        for name in ("lag", "stopped")
    )
    assert lag["threshold"] >= 2 * seconds * 1000, "a start may come when something has just become due"
    assert stopped["treat_missing_data"] == "breaching"
    (runs,) = metrics(stopped)
    assert (runs.name, referred(stack, runs.dimensions["FunctionName"])[1]) == (
        "Invocations",
        function(stack, env),
    )
    assert runs.period >= 3 * seconds


def test_whoever_writes_records_arms_them_alike(stack: dict[str, Any], env: str) -> None:
    chosen = json.dumps(dict(settings(env).shipments.stalled_after_hours))
    for name in ("projector", "deadlines"):
        variables = function(stack, env, name)["environment"]["variables"]
        assert variables[contract.STALLED_AFTER_HOURS] == chosen
        assert referred(stack, variables[contract.SHIPMENTS_TABLE])[1]["name"] == f"tracking-shipments-{env}"
    other = synthesize(settings("dev", shipments={"stalled_after_hours": {"failed": 5}}))["tracking-dev"]
    assert function(other, "dev")["environment"]["variables"][contract.STALLED_AFTER_HOURS] == '{"failed": 5}'


def test_the_sparse_indexes_are_those_of_the_contract(stack: dict[str, Any], env: str) -> None:
    table = resource(stack, "aws_dynamodb_table", name=f"tracking-shipments-{env}")
    found = {item["name"]: item for item in table["global_secondary_index"]}
    for index in (contract.DUE_INDEX, contract.STALLED_INDEX, contract.OVERDUE_INDEX):
        made = found[index.name]
        assert (made["hash_key"], made["range_key"]) == (index.key, index.time)
    # Else each update of a shipment would be written there too.
    assert found["DueIndex"]["projection_type"] == "KEYS_ONLY"
    assert found["StalledIndex"]["projection_type"] == found["OverdueIndex"]["projection_type"] == "ALL"


def test_the_settings_know_every_status_that_can_stall() -> None:
    statuses = schemas("shipments")["stalled_after_hours"]["properties"]
    assert set(contract.STATUSES) - set(statuses) == {"delivered"}
