"""The synthesized stacks, for the tests of what comes out."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import main
from main import ROOT
from stacks.settings import Settings, load_settings

_synthesized: dict[str, str] = {}


def synthesize(settings: Settings) -> dict[str, Any]:
    """Every stack of an environment in a region, by its name; of settings that were asked for before, a copy."""
    key = repr(settings)
    if key not in _synthesized:
        _synthesized[key] = json.dumps(main.synthesize(settings))
    stacks: dict[str, Any] = json.loads(_synthesized[key])
    return stacks


def settings(environment: str, **changes: Any) -> Settings:
    """The project's own settings of an environment, with `changes`; to a group, by the settings in it."""
    chosen = load_settings(ROOT / "cdktf.json", {"ENVIRONMENT_SUFFIX": environment})
    for name, change in changes.items():
        group: Any = getattr(chosen, name)
        if is_dataclass(group):
            changes[name] = replace(group, **change)  # type: ignore[type-var]
    return replace(chosen, **changes)


def write_settings(folder: Path, **blocks: Any) -> Path:
    """A cdktf.json in `folder` like the project's own, but for these groups of these blocks."""
    path = folder / "cdktf.json"
    document = json.loads((ROOT / "cdktf.json").read_bytes())
    for name, groups in blocks.items():
        document["context"][name] = {**document["context"].get(name, {}), **groups}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@cache
def stacks(environment: str) -> dict[str, Any]:
    """Every stack of an environment, by its name; shared, so nobody may change them."""
    return synthesize(settings(environment))


def tracking(environment: str) -> dict[str, Any]:
    """The tracking stack of an environment; shared, so nobody may change it."""
    stack: dict[str, Any] = stacks(environment)[f"tracking-{environment}"]
    return stack


def resources(stack: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """All resources of a type."""
    return list(stack["resource"].get(kind, {}).values())


def resource(stack: Mapping[str, Any], kind: str, **attributes: Any) -> dict[str, Any]:
    """The one resource of a type with these attributes."""
    found = [item for item in resources(stack, kind) if attributes.items() <= item.items()]
    assert len(found) == 1, f"{len(found)} of {kind} with {attributes}"
    return found[0]


def referred(stack: Mapping[str, Any], text: str) -> tuple[str, dict[str, Any]]:
    """The type and the attributes of the one resource or data source that a Terraform expression refers to.

    Of an ARN by name, which another stack may own: the service and the name.
    """
    if text.startswith("arn:"):
        _, _, service, _, _, name = text.split(":", 5)
        return service, {"name": name}
    match = re.fullmatch(r"\$\{(data\.)?(\w+)\.([\w-]+)\.\w+\}", text)
    assert match, f"{text!r} is no reference"
    found: dict[str, Any] = stack["data" if match[1] else "resource"][match[2]][match[3]]
    return match[2], found


def functions(environment: str) -> dict[str, dict[str, Any]]:
    """The functions of an environment, by the folder of ``lambda/`` with their code."""
    return {
        function["handler"].partition(".")[0]: function
        for stack in stacks(environment).values()
        for function in resources(stack, "aws_lambda_function")
    }


def statements(stack: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every statement of every inline policy."""
    for policy in resources(stack, "aws_iam_role_policy"):
        yield from json.loads(policy["policy"])["Statement"]


def grants(stack: dict[str, Any], role_name: str) -> set[tuple[str, str, str]]:
    """What the inline policy of a role allows: (action, type, name of the resource and what follows it)."""
    role = next(key for key, item in stack["resource"]["aws_iam_role"].items() if item["name"] == role_name)
    policy = next(
        item for item in resources(stack, "aws_iam_role_policy") if f"aws_iam_role.{role}." in item["role"]
    )
    found = set()
    for statement in json.loads(policy["policy"])["Statement"]:
        for text in statement["Resource"]:
            if text == "*":
                kind, name = "*", ""
            else:
                end = len(text) if text.startswith("arn:") else text.index("}") + 1
                reference, rest = text[:end], text[end:]
                kind, item = referred(stack, reference)
                name = item.get("name", item.get("description", "")) + rest
            found |= {(action, kind, name) for action in statement["Action"]}
    return found


def every_grant(stack: dict[str, Any], function: str, environment: str) -> set[tuple[str, str, str]]:
    """What `grants` finds of every function of the tracking stack, whatever it does."""
    group = f"/aws/lambda/tracking-{function}-{environment}:*"
    expected = {
        ("logs:CreateLogStream", "aws_cloudwatch_log_group", group),
        ("logs:PutLogEvents", "aws_cloudwatch_log_group", group),
        ("xray:PutTraceSegments", "*", ""),
        ("xray:PutTelemetryRecords", "*", ""),
    }
    if environment == "prod":
        key = resource(stack, "aws_kms_key")["description"]
        expected |= {(action, "aws_kms_key", key) for action in ("kms:Decrypt", "kms:GenerateDataKey*")}
    return expected


def readable(value: Any) -> Any:
    """The same, with JSON texts as the objects that they stand for, so that a difference shows on its line."""
    if isinstance(value, dict):
        return {key: readable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [readable(item) for item in value]
    if isinstance(value, str) and value.startswith("{"):
        return {"JSON": readable(json.loads(value))} if _is_json(value) else value
    return value


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
