"""CloudWatch shows every widget of the dashboards, and every line in them has a source."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from main import ROOT
from tests.metrics import check_metric
from tests.synthesis import referred, resource, resources, stacks

SCHEMA = json.loads((Path(__file__).parents[2] / "dashboard.schema.json").read_text("utf-8"))
COLUMNS = 24


def dashboards(environment: str) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The widgets of every dashboard of every stack, each after its stack."""
    for stack in stacks(environment).values():
        for dashboard in resources(stack, "aws_cloudwatch_dashboard"):
            yield stack, json.loads(dashboard["dashboard_body"])["widgets"]


def test_the_documented_structure_is_kept(env: str) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for stack in stacks(env).values():
        for dashboard in resources(stack, "aws_cloudwatch_dashboard"):
            validator.validate(json.loads(dashboard["dashboard_body"]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"dimensions": {"FunctionName": "f"}},
        {"metrics": [["AWS/Lambda", "Errors", {"statistic": "Sum"}]]},
        {"metrics": [["AWS/Lambda"]]},
        {"period": 90},
        {"view": "line"},
    ],
)
def test_the_structure_refuses_what_cloudwatch_would(wrong: dict[str, Any]) -> None:
    properties = {"region": "us-east-1", "metrics": [["AWS/Lambda", "Errors", {"stat": "Sum"}]]}
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert validator.is_valid({"widgets": [{"type": "metric", "properties": properties}]})
    assert not validator.is_valid({"widgets": [{"type": "metric", "properties": {**properties, **wrong}}]})


def test_no_widget_lies_on_another_or_over_the_edge(env: str) -> None:
    for _, widgets in dashboards(env):
        assert all(widget["x"] + widget["width"] <= COLUMNS for widget in widgets)
        for one, other in combinations(widgets, 2):
            assert (
                one["x"] + one["width"] <= other["x"]
                or other["x"] + other["width"] <= one["x"]
                or one["y"] + one["height"] <= other["y"]
                or other["y"] + other["height"] <= one["y"]
            )


def test_every_line_has_a_source(env: str) -> None:
    for stack, widgets in dashboards(env):
        for widget in widgets:
            for namespace, name, *rest in (
                line for line in widget["properties"].get("metrics", []) if isinstance(line[0], str)
            ):
                *pairs, _options = rest
                check_metric(stack, namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True)))


def test_every_expression_reads_the_lines_beside_it(env: str) -> None:
    for _, widgets in dashboards(env):
        for widget in widgets:
            options = [line[-1] for line in widget["properties"].get("metrics", [])]
            ids = [option["id"] for option in options if "id" in option]
            assert len(ids) == len(set(ids))
            expressions = " ".join(option.get("expression", "") for option in options)
            assert set(re.findall("[A-Za-z_][A-Za-z0-9_]*", expressions)) - {"IF", "FILL"} == set(ids)


def test_it_reads_from_the_alarms_to_the_errors(stack: dict[str, Any], env: str) -> None:
    body = resource(stack, "aws_cloudwatch_dashboard", dashboard_name=f"logistics-tracking-{env}")
    widgets = json.loads(body["dashboard_body"])["widgets"]
    assert widgets == sorted(widgets, key=lambda widget: (widget["y"], widget["x"]))
    titles = [widget["properties"]["markdown"] for widget in widgets if widget["type"] == "text"]
    assert titles == [
        "## Callers",
        "## Shipments",
        "## Functions",
        "## DynamoDB",
        "## Notifications",
        "## Errors",
    ]
    assert [widgets[0]["type"], widgets[-1]["type"]] == ["alarm", "log"]
    runbook = (ROOT / "docs/runbook.md").read_text("utf-8")
    assert all(f"\n| {title.removeprefix('## ')} | " in runbook for title in titles)


def test_the_first_widget_shows_every_alarm_that_tells_somebody(stack: dict[str, Any]) -> None:
    widgets = json.loads(resource(stack, "aws_cloudwatch_dashboard")["dashboard_body"])["widgets"]
    shown = [referred(stack, arn)[1]["alarm_name"] for arn in widgets[0]["properties"]["alarms"]]
    alarms = [
        alarm
        for kind in ("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm")
        for alarm in resources(stack, kind)
    ]
    assert sorted(shown) == sorted(alarm["alarm_name"] for alarm in alarms if "alarm_actions" in alarm)


def test_the_query_asks_log_groups_that_exist(stack: dict[str, Any]) -> None:
    widgets = json.loads(resource(stack, "aws_cloudwatch_dashboard")["dashboard_body"])["widgets"]
    sources = re.findall("SOURCE '([^']+)'", widgets[-1]["properties"]["query"])
    assert [referred(stack, source)[0] for source in sources] == ["aws_cloudwatch_log_group"] * 2
