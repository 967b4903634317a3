"""Writes docs/dashboard.svg: where the widgets of the dashboard are, and what each shows."""

import json
import os
import re
import sys
import textwrap
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from stacks.settings import SettingsError
from tools.failures import DeployError
from tools.stacks import Stacks
from tools.toolchain import ROOT, ToolError

PICTURE = ROOT / "docs" / "dashboard.svg"
ENVIRONMENT = "dev"

#: Pixels of a column and of a row of CloudWatch's grid, and around and inside widgets.
COLUMN, ROW, GAP, INSET, LINE = 52, 34, 4, 10, 16
#: Characters of 11 px that fit into 100 px.
CHARACTERS = 14

KINDS = {"timeSeries": "lines over time", "table": "sums", "log": "query", "alarm": "states"}
STYLE = (
    "text{font:11px sans-serif;fill:#414d5c}.title{font-weight:bold;fill:#000716}.kind{fill:#7d8998}"
    ".heading{font:bold 15px sans-serif;fill:#000716}rect{fill:#fff;stroke:#b6bec9}"
)


def draw(body: dict[str, Any]) -> str:
    """The picture (SVG) of a dashboard's body."""
    widgets = body["widgets"]
    height = max(widget["y"] + widget["height"] for widget in widgets) * ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {24 * COLUMN} {height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{24 * COLUMN}" height="{height}" style="fill:#f2f3f3;stroke:none"/>',
    ]
    for widget in widgets:
        parts += _widget(widget)
    return "\n".join([*parts, "</svg>\n"])


def _widget(widget: dict[str, Any]) -> list[str]:
    x, y = widget["x"] * COLUMN + GAP, widget["y"] * ROW + GAP
    width, height = widget["width"] * COLUMN - 2 * GAP, widget["height"] * ROW - 2 * GAP
    properties = widget["properties"]
    if widget["type"] == "text":
        return [_text(x, y + height - GAP, properties["markdown"].lstrip("# "), "heading")]
    kind = KINDS[properties["view"] if widget["type"] == "metric" else widget["type"]]
    if properties.get("stacked"):
        kind += ", stacked"
    parts = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>',
        _text(x + INSET, y + LINE + 2, properties["title"], "title"),
        _text(x + width - INSET, y + LINE + 2, kind, "kind", 'text-anchor="end"'),
    ]
    fits = width * CHARACTERS // 100
    lines = [part for line in _contents(widget) for part in textwrap.wrap(line, fits)]
    room = (height - 2 * LINE - GAP) // LINE
    columns = -(-len(lines) // room)
    for index, line in enumerate(lines):
        left = x + INSET + index // room * (width // columns)
        parts.append(_text(left, y + (index % room + 3) * LINE - GAP, line))
    return parts


def _contents(widget: dict[str, Any]) -> list[str]:
    """What a widget shows, line by line."""
    properties = widget["properties"]
    if widget["type"] == "alarm":
        # aws_cloudwatch_metric_alarm.<scope>_<name>_<hash>
        return [re.sub(r".*\._?[^_]*_(.*)_[0-9A-F]{8}\.arn\}", r"\1", arn) for arn in properties["alarms"]]
    if widget["type"] == "log":
        return [command.strip() for command in properties["query"].split("|") if "SOURCE" not in command]
    shown = []
    for line in properties["metrics"]:
        options = line[-1]
        if options.get("visible", True):
            source = options.get("expression") or f"{line[1]}, {options['stat']}"
            shown.append(source if source.startswith(options["label"]) else f"{options['label']}: {source}")
    return shown


def _text(x: int, y: int, text: str, style: str = "", more: str = "") -> str:
    attributes = f' class="{style}"' * bool(style) + f" {more}" * bool(more)
    return f'<text x="{x}" y="{y}"{attributes}>{escape(text)}</text>'


def main() -> None:
    """Raises SystemExit with one plain sentence for whatever goes wrong."""
    output = "build/docs.out"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    try:
        Stacks({**environ, "ENVIRONMENT_SUFFIX": ENVIRONMENT}, output=output).synth()
    except (DeployError, SettingsError, ToolError) as error:
        sys.exit(f"Error: {error}")
    stack = json.loads((ROOT / output / "stacks" / f"tracking-{ENVIRONMENT}" / "cdk.tf.json").read_bytes())
    (dashboard,) = stack["resource"]["aws_cloudwatch_dashboard"].values()
    PICTURE.write_text(draw(json.loads(dashboard["dashboard_body"])), encoding="utf-8")
    print(f"Wrote {PICTURE.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
