"""What the local gateway says about a body that does not fit an API's model."""

import json
from typing import Any

import pytest
from jsonschema.exceptions import SchemaError

from local.model import faults, validator

TYPE = "instance type ({}) does not match any allowed primitive type (allowed: {})"


@pytest.mark.parametrize(
    ("schema", "instance", "fault"),
    [
        ({"type": "object"}, "a", TYPE.format("string", '["object"]')),
        ({"type": "number"}, None, TYPE.format("null", '["integer","number"]')),
        ({"type": "number"}, True, TYPE.format("boolean", '["integer","number"]')),
        ({"type": ["string", "null"]}, 1, TYPE.format("integer", '["null","string"]')),
        ({"required": ["b", "a", "c"]}, {"c": 1}, 'object has missing required properties (["a","b"])'),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"c": 1, "a": 1, "b": 1},
            'object instance has properties which are not allowed by the schema: ["b","c"]',
        ),
        ({"enum": ["a", "b"]}, "c", 'instance value ("c") not found in enum (possible values: ["a","b"])'),
        ({"minLength": 1}, "", 'string "" is too short (length: 0, required minimum: 1)'),
        ({"maxLength": 2}, "abc", 'string "abc" is too long (length: 3, maximum allowed: 2)'),
        (
            {"minimum": -90},
            -90.5,
            "numeric instance is lower than the required minimum (minimum: -90, found: -90.5)",
        ),
        (
            {"maximum": 90},
            91,
            "numeric instance is greater than the required maximum (maximum: 90, found: 91)",
        ),
        ({"pattern": "^a"}, "b", 'ECMA 262 regex "^a" does not match input string "b"'),
        ({"multipleOf": 2}, 3, "3 is not a multiple of 2"),
    ],
)
def test_fault(schema: dict[str, Any], instance: object, fault: str) -> None:
    assert faults(validator(schema), json.dumps(instance).encode()) == [fault]


def test_no_fault() -> None:
    assert faults(validator({"type": "object"}), b"{}") == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": NaN}', b"Infinity", b"[" * 100_000])
def test_what_is_not_json(body: bytes) -> None:
    (fault,) = faults(validator({}), body)
    assert fault.startswith("Invalid JSON: ")


def test_model_that_is_no_schema() -> None:
    with pytest.raises(SchemaError):
        validator({"type": "nothing"})
