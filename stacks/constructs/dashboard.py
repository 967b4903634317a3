"""A CloudWatch dashboard, from the widgets of its rows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cdktf_cdktf_provider_aws.cloudwatch_dashboard import CloudwatchDashboard
from constructs import Construct

from stacks.constructs.metric import Math, Metric

COLUMNS = 24
#: Rows of CloudWatch's grid that a widget takes.
TITLE_HEIGHT, HEIGHT = 1, 6


class Title(NamedTuple):
    """The heading of what follows."""

    text: str


class AlarmStatus(NamedTuple):
    """The state of alarms, those that are off first."""

    title: str
    arns: Sequence[str]


class Graph(NamedTuple):
    """Lines over time, by their labels."""

    title: str
    lines: Mapping[str, Metric | Math]
    stacked: bool = False


class Totals(NamedTuple):
    """Sums over the time that the dashboard shows, by their labels."""

    title: str
    sums: Mapping[str, Metric]


class LogTable(NamedTuple):
    """What a query of CloudWatch Logs Insights finds in log groups."""

    title: str
    groups: Sequence[str]
    query: Sequence[str]
    """Its commands, one after the other."""


Widget = Title | AlarmStatus | Graph | Totals | LogTable


class Dashboard(Construct):
    """Rows of widgets, from top to bottom; those of a row are as wide as each other."""

    def __init__(
        self, scope: Construct, id: str, *, name: str, region: str, rows: Sequence[Sequence[Widget]]
    ) -> None:
        super().__init__(scope, id)
        widgets, y = [], 0
        for row in rows:
            width = COLUMNS // len(row)
            height = TITLE_HEIGHT if isinstance(row[0], Title) else HEIGHT
            for index, widget in enumerate(row):
                kind, properties = _describe(widget, region)
                place = {"x": index * width, "y": y, "width": width, "height": height}
                widgets.append({"type": kind, **place, "properties": properties})
            y += height
        dashboard = CloudwatchDashboard(
            self, "dashboard", dashboard_name=name, dashboard_body=json.dumps({"widgets": widgets})
        )
        self.name = dashboard.dashboard_name


def _describe(widget: Widget, region: str) -> tuple[str, dict[str, Any]]:
    """The type and the properties; see the CloudWatch API reference, "Dashboard Body Structure and Syntax"."""
    match widget:
        case Title(text):
            return "text", {"markdown": f"## {text}", "background": "transparent"}
        case AlarmStatus(title, arns):
            return "alarm", {"title": title, "alarms": list(arns), "sortBy": "stateUpdatedTimestamp"}
        case Graph(title, lines, stacked):
            more: dict[str, Any] = {"view": "timeSeries", "stacked": stacked}
        case Totals(title, lines):
            table = {"summaryColumns": ["SUM"], "showTimeSeriesData": False}
            more = {"view": "table", "table": table}
        case LogTable(title, groups, query):
            text = " | ".join([*(f"SOURCE '{group}'" for group in groups), "\n| ".join(query)])
            return "log", {"title": title, "region": region, "view": "table", "query": text}
    return "metric", {"title": title, "region": region, "period": 300, "metrics": _metrics(lines), **more}


def _metrics(lines: Mapping[str, Metric | Math]) -> list[list[Any]]:
    """Each line, and hidden before them what is calculated with."""
    hidden: dict[str, Metric] = {}
    shown = []
    for label, line in lines.items():
        if isinstance(line, Math):
            hidden |= line.metrics
            shown.append([{"expression": line.expression, "label": label}])
        else:
            shown.append(_metric(line, label=label))
    return [_metric(metric, id=id, visible=False) for id, metric in hidden.items()] + shown


def _metric(metric: Metric, **options: Any) -> list[Any]:
    """CloudWatch takes the dimensions inside the array and nowhere else."""
    pairs = [part for pair in metric.dimensions.items() for part in pair]
    return [metric.namespace, metric.name, *pairs, {"stat": metric.statistic, **options}]
