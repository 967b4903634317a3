"""Validates a body against an API's model and says what is wrong in API Gateway's words.

API Gateway uses the Java library json-schema-validator; these are that library's messages for the keywords
that a model commonly has. Any other keyword's message is jsonschema's.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError


def validator(schema: Mapping[str, Any]) -> Draft4Validator:
    """A validator for a model's schema, which is JSON Schema draft-04.

    Raises:
        jsonschema.exceptions.SchemaError: the model is no schema.
    """
    Draft4Validator.check_schema(schema)
    return Draft4Validator(schema)


def faults(model: Draft4Validator, body: bytes) -> list[str]:
    """What is wrong with a body, or an empty list."""
    try:
        instance = json.loads(body, parse_constant=_refuse)
    except ValueError as error:
        return [f"Invalid JSON: {error}"]
    except RecursionError:
        return ["Invalid JSON: it is nested too deeply"]
    messages = (_MESSAGES.get(fault.validator, _message)(fault) for fault in model.iter_errors(instance))
    return list(dict.fromkeys(messages))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _message(fault: ValidationError) -> str:
    return str(fault.message)


def _type(fault: ValidationError) -> str:
    names = ("null", "boolean", "integer", "number", "string", "array", "object")
    found = next(name for name in names if Draft4Validator.TYPE_CHECKER.is_type(fault.instance, name))
    value = fault.validator_value
    allowed = {value} if isinstance(value, str) else set(value)
    if "number" in allowed:
        allowed.add("integer")
    listed = _list(sorted(allowed))
    return f"instance type ({found}) does not match any allowed primitive type (allowed: {listed})"


def _required(fault: ValidationError) -> str:
    missing = sorted(name for name in fault.validator_value if name not in fault.instance)
    return f"object has missing required properties ({_list(missing)})"


def _additional(fault: ValidationError) -> str:
    extra = sorted(fault.instance.keys() - fault.schema.get("properties", {}).keys())
    return f"object instance has properties which are not allowed by the schema: {_list(extra)}"


def _enum(fault: ValidationError) -> str:
    return (
        f"instance value ({json.dumps(fault.instance)}) not found in enum "
        f"(possible values: {_list(fault.validator_value)})"
    )


def _length(size: str, limit: str) -> Callable[[ValidationError], str]:
    def message(fault: ValidationError) -> str:
        return (
            f"string {json.dumps(fault.instance)} is too {size} "
            f"(length: {len(fault.instance)}, {limit}: {fault.validator_value})"
        )

    return message


def _bound(relation: str, name: str) -> Callable[[ValidationError], str]:
    def message(fault: ValidationError) -> str:
        return (
            f"numeric instance is {relation} than the required {name} "
            f"({name}: {fault.validator_value}, found: {fault.instance})"
        )

    return message


def _pattern(fault: ValidationError) -> str:
    return f'ECMA 262 regex "{fault.validator_value}" does not match input string "{fault.instance}"'


def _list(values: list[Any]) -> str:
    return json.dumps(values, separators=(",", ":"))


_MESSAGES: Mapping[str, Callable[[ValidationError], str]] = {
    "type": _type,
    "required": _required,
    "additionalProperties": _additional,
    "enum": _enum,
    "minLength": _length("short", "required minimum"),
    "maxLength": _length("long", "maximum allowed"),
    "minimum": _bound("lower", "minimum"),
    "maximum": _bound("greater", "maximum"),
    "pattern": _pattern,
}
