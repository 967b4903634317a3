"""Validates a body against an API's model and says what is wrong in API Gateway's words.

API Gateway uses the Java library json-schema-validator; these are that library's messages for the keywords
that a model commonly has.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError

_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


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
    return list(dict.fromkeys(_message(fault) for fault in model.iter_errors(instance)))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _message(fault: ValidationError) -> str:
    """Of these keywords the library's message, and of others jsonschema's."""
    there, wanted = fault.instance, fault.validator_value
    match fault.validator:
        case "type":
            found = next(name for name in _TYPES if Draft4Validator.TYPE_CHECKER.is_type(there, name))
            allowed = {wanted} if isinstance(wanted, str) else set(wanted)
            allowed |= {"integer"} if "number" in allowed else set()
            return f"instance type ({found}) does not match any allowed primitive type (allowed: {_list(allowed)})"
        case "required":
            return f"object has missing required properties ({_list({*wanted} - there.keys())})"
        case "additionalProperties":
            extra = there.keys() - fault.schema.get("properties", {}).keys()
            return f"object instance has properties which are not allowed by the schema: {_list(extra)}"
        case "enum":
            values = json.dumps(wanted, separators=(",", ":"))
            return f"instance value ({json.dumps(there)}) not found in enum (possible values: {values})"
        case "minLength":
            size = f"length: {len(there)}, required minimum: {wanted}"
            return f"string {json.dumps(there)} is too short ({size})"
        case "maxLength":
            size = f"length: {len(there)}, maximum allowed: {wanted}"
            return f"string {json.dumps(there)} is too long ({size})"
        case "minimum":
            return f"numeric instance is lower than the required minimum (minimum: {wanted}, found: {there})"
        case "maximum":
            return (
                f"numeric instance is greater than the required maximum (maximum: {wanted}, found: {there})"
            )
        case "pattern":
            return f'ECMA 262 regex "{wanted}" does not match input string "{there}"'
        case _:
            return str(fault.message)


def _list(names: Iterable[str]) -> str:
    return json.dumps(sorted(names), separators=(",", ":"))
