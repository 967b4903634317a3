"""Every alarm can go off, somebody is told, and whoever is told finds what to do."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from main import ROOT
from stacks.settings import SettingsError, load_settings
from tests.metrics import check_metric, metrics, operations
from tests.synthesis import (
    referred,
    resource,
    resources,
    settings,
    stacks,
    synthesize,
    write_settings,
)

DAY = 24 * 3600
#: The functions and operators of metric math that expressions may use.
FUNCTIONS = {"AND", "FILL", "IF"}


def expression(alarm: dict[str, Any]) -> str:
    """Its metric math."""
    (query,) = [query for query in alarm["metric_query"] if query["return_data"]]
    text: str = query["expression"]
    return text


def alarms(environment: str, *kinds: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every alarm of every stack, composite ones too, each after its stack."""
    for stack in stacks(environment).values():
        for kind in kinds or ("metric_alarm", "composite_alarm"):
            for alarm in resources(stack, f"aws_cloudwatch_{kind}"):
                yield stack, alarm


def parts(stack: dict[str, Any], composite: dict[str, Any]) -> list[dict[str, Any]]:
    """The alarms in the rule of a composite one."""
    references = re.findall(r'ALARM\("(\$\{[^}]+\})"\)', composite["alarm_rule"])
    return [referred(stack, reference)[1] for reference in references]


def test_every_alarm_tells_an_encrypted_topic_or_is_a_part_of_one_that_does(env: str) -> None:
    for stack, alarm in alarms(env):
        composites = resources(stack, "aws_cloudwatch_composite_alarm")
        owners = [item for item in composites if alarm in parts(stack, item)]
        assert ("alarm_actions" in alarm) != bool(owners), "told twice, or not at all"
        for told in owners or [alarm]:
            assert told["ok_actions"] == told["alarm_actions"]
            (action,) = told["alarm_actions"]
            # A stack may name the topic that another one makes.
            kind, topic = referred(stack, action)
            assert kind in ("aws_sns_topic", "sns")
            ((owner, made),) = [
                (other, item)
                for other in stacks(env).values()
                for item in resources(other, "aws_sns_topic")
                if item["name"] == topic["name"]
            ]
            assert referred(owner, made["kms_master_key_id"])[0] == "aws_kms_key"
            assert alarm.get("actions_enabled", True) is True


def test_every_alarm_says_what_it_means_and_where_to_read_what_to_do(env: str) -> None:
    for stack, alarm in alarms(env):
        meaning, _, link = alarm["alarm_description"].partition(" What to do: docs/runbook.md#")
        assert len(meaning) > 20
        owners = [
            item
            for item in resources(stack, "aws_cloudwatch_composite_alarm")
            if alarm in parts(stack, item) and alarm != item
        ]
        assert (owners or [alarm])[0]["alarm_name"] == f"{link}-{env}", "the link leads to another alarm"
        assert f"\n### {link}\n" in (ROOT / "docs/runbook.md").read_text("utf-8")
        assert len(alarm["alarm_description"]) <= 1024


def test_what_an_alarm_reads_is_emitted(env: str) -> None:
    for stack, alarm in alarms(env, "metric_alarm"):
        assert metrics(alarm)
        for metric in metrics(alarm):
            assert metric.dimensions
            check_metric(stack, metric.namespace, metric.name, metric.dimensions)


def test_cloudwatch_takes_every_alarm(env: str) -> None:
    """CloudWatch API reference, PutMetricAlarm."""
    for _, alarm in alarms(env, "metric_alarm"):
        (period,) = {metric.period for metric in metrics(alarm)}
        assert period % 60 == 0
        assert period * alarm["evaluation_periods"] <= (7 * DAY if period >= 3600 else DAY)
        assert ("metric_name" in alarm) != ("metric_query" in alarm)
        if "metric_name" in alarm:
            assert ("statistic" in alarm) != ("extended_statistic" in alarm)
            continue
        ids = [metric.id for metric in metrics(alarm)]
        assert len(set(ids)) == len(ids) <= 10
        assert all(re.fullmatch("[a-z][A-Za-z0-9_]*", id) for id in ids)
        words = set(re.findall("[A-Za-z_][A-Za-z0-9_]*", expression(alarm)))
        assert words - FUNCTIONS == set(ids), "the expression reads what is not there, or not all that is"


def test_a_gap_in_the_data_does_not_hold_an_alarm_on_dynamodb(env: str) -> None:
    for _, alarm in alarms(env, "metric_alarm"):
        for metric in metrics(alarm):
            if metric.namespace == "AWS/DynamoDB":
                assert f"FILL({metric.id}, 0)" in expression(alarm)


@pytest.mark.parametrize(
    ("name", "namespace", "metric", "statistic", "thresholds", "periods", "period", "dimensions"),
    [
        ("tracking-api-4xx", "AWS/ApiGateway", "4XXError", "Sum", (10, 100), 2, 300, {"ApiName", "Stage"}),
        ("tracking-api-5xx", "AWS/ApiGateway", "5XXError", "Sum", (5, 50), 1, 60, {"ApiName", "Stage"}),
        ("tracking-api-latency", "AWS/ApiGateway", "Latency", "Average", (1000, 1000), 2, 300,
         {"ApiName", "Stage"}),
        ("tracking-lambda-throttle", "AWS/Lambda", "Throttles", "Sum", (10, 10), 1, 300, {"FunctionName"}),
        ("public-5xx", "AWS/ApiGateway", "5xx", "Sum", (5, 50), 1, 60, {"ApiId", "Stage"}),
        ("public-errors", "AWS/Lambda", "Errors", "Sum", (5, 3), 2, 300, {"FunctionName"}),
        ("public-duration", "AWS/Lambda", "Duration", "Average", (45_000, 25_000), 2, 300, {"FunctionName"}),
        ("public-throttle", "AWS/Lambda", "Throttles", "Sum", (1, 1), 1, 300, {"FunctionName"}),
        ("public-latency", "AWS/ApiGateway", "Latency", "p99", (3000, 3000), 2, 300, {"ApiId", "Stage"}),
    ],
)  # fmt: skip
def test_the_alarms_that_others_rely_on(
    env: str,
    name: str,
    namespace: str,
    metric: str,
    statistic: str,
    thresholds: tuple[int, int],
    periods: int,
    period: int,
    dimensions: set[str],
) -> None:
    stack = stacks(env)[f"{name.partition('-')[0]}-{env}"]
    alarm = resource(stack, "aws_cloudwatch_metric_alarm", alarm_name=f"{name}-{env}")
    (read,) = metrics(alarm)
    assert read[1:4] == (namespace, metric, statistic)
    threshold = dict(zip(("dev", "prod"), thresholds, strict=True))[env]
    assert (alarm["threshold"], alarm["evaluation_periods"], read.period) == (threshold, periods, period)
    assert read.dimensions.keys() == dimensions
    assert alarm["comparison_operator"] == "GreaterThanThreshold"


@pytest.mark.parametrize(("api", "failures"), [("tracking", "5XXError"), ("public", "5xx")])
@pytest.mark.parametrize(
    ("pace", "windows", "percent"), [("fast", [3600, 300], 1.44), ("slow", [21600, 1800], 0.6)]
)
def test_the_goal_is_watched_at_two_paces_in_two_windows_each(
    env: str, api: str, failures: str, pace: str, windows: list[int], percent: float
) -> None:
    stack = stacks(env)[f"{api}-{env}"]
    composite = resource(
        stack, "aws_cloudwatch_composite_alarm", alarm_name=f"{api}-availability-{pace}-{env}"
    )
    assert re.fullmatch(r'ALARM\("[^"]+"\) AND ALARM\("[^"]+"\)', composite["alarm_rule"])
    found = parts(stack, composite)
    assert [metrics(part)[0].period for part in found] == windows
    for part in found:
        assert (part["threshold"], part["evaluation_periods"]) == (percent, 1)
        assert [metric.name for metric in metrics(part)] == [failures, "Count"]


def test_system_errors_of_every_operation_are_watched(stack: dict[str, Any], env: str) -> None:
    alarm = resource(stack, "aws_cloudwatch_metric_alarm", alarm_name=f"tracking-table-errors-{env}")
    watched = {
        (referred(stack, metric.dimensions["TableName"])[1]["name"], metric.dimensions["Operation"])
        for metric in metrics(alarm)
    }
    assert watched == {
        (table["name"], operation)
        for table in resources(stack, "aws_dynamodb_table")
        for operation in operations(stack, table["name"])
    }


def watched(synthesized: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The metric alarms of all stacks."""
    return [
        alarm for stack in synthesized.values() for alarm in resources(stack, "aws_cloudwatch_metric_alarm")
    ]


def test_each_threshold_is_overridden_by_the_name_of_its_alarm() -> None:
    before = {alarm["alarm_name"]: alarm["threshold"] for alarm in watched(stacks("dev"))}
    chosen = {name.removesuffix("-dev"): threshold + 0.5 for name, threshold in before.items()}
    after = {
        alarm["alarm_name"]: alarm["threshold"]
        for alarm in watched(synthesize(settings("dev", alarms=chosen)))
    }
    assert after == {name: threshold + 0.5 for name, threshold in before.items()}


@pytest.mark.parametrize("change", [{"availability_goal_percent": 99.95}, {"min_requests": 201}])
def test_a_setting_moves_alarms(change: dict[str, Any]) -> None:
    assert watched(synthesize(settings("dev", monitoring=change))) != watched(stacks("dev"))


def test_a_threshold_of_an_unknown_alarm_is_refused_with_those_there_are(tmp_path: Path) -> None:
    chosen = load_settings(write_settings(tmp_path, dev={"alarms": {"tracking-api-4x": 50}}), {})
    with pytest.raises(SettingsError) as error:
        synthesize(chosen)
    assert re.fullmatch(
        r"'alarms\.tracking-api-4x' in cdktf\.json, context\.dev, is not an alarm; the alarms are "
        r"tracking-api-4xx, .*, public-throttle, .*, webhooks-delivery-throttle\.",
        str(error.value),
    )


def test_the_emulator_gets_what_it_has() -> None:
    emulated = synthesize(replace(settings("dev"), emulated=True))["tracking-dev"]
    assert not resources(emulated, "aws_cloudwatch_composite_alarm")
    names = {item["alarm_name"] for item in resources(emulated, "aws_cloudwatch_metric_alarm")}
    assert names == {
        item["alarm_name"] for item in resources(stacks("dev")["tracking-dev"], "aws_cloudwatch_metric_alarm")
    }


@pytest.mark.parametrize(
    ("repository", "link"),
    [
        ("https://example.com/acme/tracking", "https://example.com/acme/tracking/blob/HEAD/docs/runbook.md#"),
        (
            "https://example.com/acme/tracking.git",
            "https://example.com/acme/tracking/blob/HEAD/docs/runbook.md#",
        ),
        ("acme/tracking", "What to do: docs/runbook.md#"),
    ],
)
def test_the_link_is_whole_where_the_repository_is_known(repository: str, link: str) -> None:
    chosen = settings("dev")
    tags = {**chosen.tags, "Repository": repository}
    stack = synthesize(replace(chosen, tags=tags))["tracking-dev"]
    for alarm in resources(stack, "aws_cloudwatch_metric_alarm"):
        assert link in alarm["alarm_description"]
