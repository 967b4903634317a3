"""Writes the tables of docs/settings.md: what each setting and each alarm's threshold is."""

import json
from collections.abc import Mapping
from typing import Any

from main import synthesize
from stacks.settings import load_settings
from stacks.settings_schema import describe, groups, settings
from tools.generated import fill
from tools.toolchain import ROOT

DOCUMENT = ROOT / "docs/settings.md"
ENVIRONMENTS = ("dev", "prod")


def render(dev: Mapping[str, Any], prod: Mapping[str, Any]) -> dict[str, str]:
    """The parts of docs/settings.md by their names, from the stacks of two environments."""
    return {"settings": _settings(), "thresholds": _thresholds(dev, prod)}


def _settings() -> str:
    context = json.loads((ROOT / "cdktf.json").read_bytes())["context"]
    parts = []
    for group, schema in groups().items():
        parts += [f"### {group}", "", schema["description"], ""]
        if kinds := settings(group):
            parts += ["| setting | default | here | may be | meaning |", "|---|---|---|---|---|"]
        for name, kind in kinds.items():
            here = "; ".join(
                f"{block}: {_text(chosen[group][name])}"
                if block != "defaults"
                else _text(chosen[group][name])
                for block, chosen in context.items()
                if name in chosen.get(group, {})
            )
            default = _text(kind["default"]) if "default" in kind else ""
            cells = [f"`{name}`", default, here, describe(kind), kind["description"]]
            parts.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
        parts.append("")
    return "\n".join(parts).strip()


def _thresholds(dev: Mapping[str, Any], prod: Mapping[str, Any]) -> str:
    rows = ["| alarm | dev | prod | meaning |", "|---|---:|---:|---|"]
    columns = [_alarms(dev, "dev"), _alarms(prod, "prod")]
    for name, alarm in columns[0].items():
        meaning = alarm["alarm_description"].partition(" What to do:")[0]
        # Not every environment has every stack.
        values = [f"{column[name]['threshold']:,}" if name in column else "" for column in columns]
        rows.append(f"| `{name}` | {' | '.join(values)} | {meaning} |")
    return "\n".join(rows)


def _alarms(stacks: Mapping[str, Any], environment: str) -> dict[str, Any]:
    return {
        alarm["alarm_name"].removesuffix(f"-{environment}"): alarm
        for _, stack in sorted(stacks.items(), reverse=True)
        for alarm in stack["resource"].get("aws_cloudwatch_metric_alarm", {}).values()
    }


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return ", ".join(value) or "none"
        case {} | "" if not value:
            return "none"
        case dict():
            return f"`{json.dumps(value)}`"
        case _:
            return str(value)


def main() -> None:
    """Writes the tables."""
    chosen = [
        load_settings(ROOT / "cdktf.json", {"ENVIRONMENT_SUFFIX": environment})
        for environment in ENVIRONMENTS
    ]
    fill(DOCUMENT, render(*map(synthesize, chosen)))
    print(f"Wrote {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
