"""The JSON Schema of the settings: what each is, what it may be, and its default."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

SCHEMA = Path(__file__).with_name("settings.schema.json")

Schema = dict[str, Any]


def groups() -> dict[str, Schema]:
    """The schemas of the groups of settings, by name."""
    found: dict[str, Schema] = _schema()["properties"]["context"]["additionalProperties"]["properties"]
    return found


def settings(group: str) -> dict[str, Schema]:
    """The schemas of the settings of a group, by name; none of `alarms`, whose names are those of the alarms."""
    return {name: _resolved(kind) for name, kind in groups()[group].get("properties", {}).items()}


def describe(kind: Schema) -> str:
    """What a value may be, by its schema."""
    match _resolved(kind):
        case {"enum": choices}:
            return f"one of {', '.join(map(str, choices))}"
        case {"patternErrorMessage": meaning}:
            return str(meaning)
        case {"minimum": least, "maximum": most, "type": type}:
            return f"a {'whole ' if type == 'integer' else ''}number from {least} to {most}"
        case {"items": item}:
            return f"a list without repetition, each item of it {describe(item)}"
        case {"propertyNames": name, "additionalProperties": value}:
            return f"an object, each name in it {describe(name)} and each value {describe(value)}"
        case {"properties": properties}:
            values = {describe(value) for value in properties.values()}
            each = f", each {values.pop()}" if len(values) == 1 else ""
            return f"an object with {', '.join(properties)}{each}"
        case {"additionalProperties": value}:
            return f"an object, each value in it {describe(value)}"
        case _:
            return "true or false"


def find_error(block: Schema, place: str) -> str | None:
    """One sentence about the first thing that is wrong in a block of cdktf.json, which is at `place`."""
    try:
        _validator()(block)
    except fastjsonschema.JsonSchemaValueException as error:
        group, name = [*error.path[1:3], None, None][:2]
        if group is None or (name is None and error.rule == "additionalProperties"):
            known, prefix = (settings(group), f"{group}.") if group else (groups(), "")
            (unknown, *_) = (name for name in error.value if name not in known)
            names = ", ".join(prefix + name for name in known)
            return f"'{prefix}{unknown}' in {place}, is not a setting; the settings are {names}."
        if name is None:
            return _wrong(group, place, block[group], groups()[group])
        kind = settings(group).get(name) or groups()[group]["additionalProperties"]
        return _wrong(f"{group}.{name}", place, block[group][name], kind)
    return None


def _wrong(setting: str, place: str, value: Any, kind: Schema) -> str:
    return f"{setting!r} in {place}, is {json.dumps(value)}; it may be {describe(kind)}."


def _resolved(kind: Schema) -> Schema:
    """A schema with what it refers to."""
    if "$ref" in kind:
        return {**_schema()["definitions"][kind["$ref"].rpartition("/")[2]], **kind}
    return kind


@cache
def _schema() -> Schema:
    schema: Schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return schema


@cache
def _validator() -> Any:
    """Of a block. The library fills in the defaults of what it validates, unless it is told not to."""
    block = {
        **_schema()["properties"]["context"]["additionalProperties"],
        "definitions": _schema()["definitions"],
    }
    return fastjsonschema.compile(block, use_default=False)
