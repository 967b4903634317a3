"""What a document may be, told with a pointer at each fault."""

import json
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import fastjsonschema

from shipments.errors import TooLarge
from shipments.numbers import is_storable

#: Of an item, its attributes' names included; DynamoDB's limit.
MAX_BYTES = 400 * 1024
#: Levels of maps and lists that an attribute may have; DynamoDB's limit.
MAX_NESTING = 32

#: Names and places in lists, from the outermost; a pointer is made of it for a fault only, as it may be long.
_Path = tuple[str | int, ...]

#: What the patterns of the schemas ask for.
_PATTERNS = {
    "^[^\\u0000-\\u001f\\u007f-\\u009f]*$": "must not contain control characters",
    "^[A-Z]{2}$": "must be two capital letters, as ISO 3166-1 alpha-2 has them",
    "^[A-Z]{2}[A-Z2-9]{3}$": "must be a UN/LOCODE: five capital letters, or digits from 2 on at the end",
}

_MAX_FAULTS = 20
_MAX_POINTER = 200


class RepeatedName(dict[str, Any]):
    """An object that held a name twice; readers disagree on which value counts, so it must be refused."""

    name: str


class Fault(NamedTuple):
    """What is wrong, and where: a JSON Pointer into the document."""

    pointer: str
    detail: str


class Invalid(Exception):
    """A document that is not what it should be; `faults` holds up to 20 reasons."""

    def __init__(self, faults: list[Fault]) -> None:
        # A name may hold half a surrogate pair, or be as long as a request.
        self.faults = [
            Fault(pointer.encode(errors="replace").decode()[:_MAX_POINTER], detail)
            for pointer, detail in faults[:_MAX_FAULTS]
        ]
        super().__init__(" ".join(self.faults[0]).strip())


class Schema:
    """A JSON Schema, draft 4, in a file NAME.schema.json."""

    def __init__(self, file: Path) -> None:
        module = f"{file.parent.name}.{file.name.partition('.')[0]}_schema"
        try:
            self._validate = import_module(module).validate  # a Lambda package holds it as code
        except ModuleNotFoundError:
            self._validate = fastjsonschema.compile(json.loads(file.read_text("utf-8")), fast_fail=False)

    def check(self, document: Any) -> None:
        """Raises Invalid if `document`, as `exact_json.loads` returns it, breaks the schema."""
        faults = list(_repeated(document, ()))
        try:
            self._validate(document)
        except fastjsonschema.JsonSchemaValuesException as violations:
            faults += [fault for error in violations.errors for fault in islice(_faults(error), _MAX_FAULTS)]
        if faults:
            raise Invalid(faults)


def check_size(document: Any) -> None:
    """Raises TooLarge if `document` certainly has more than MAX_BYTES in DynamoDB; looks at so many values at most.

    Counts a byte for a character of a name, one for a text, and two for another value: what they take at least.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    size, containers = 0, [document]
    while containers:
        match containers.pop():
            case dict() as members:
                size += sum(map(len, members))
                values = list(members.values())
            case list() as values:
                pass
            case _:
                continue
        size += 2 * len(values) - list(map(type, values)).count(str)
        if size > MAX_BYTES:
            raise TooLarge("The update has more than 400 KB")
        containers += [value for value in values if isinstance(value, dict | list)]


def check_storable(document: Any) -> None:
    """Raises Invalid if DynamoDB cannot hold `document`, as `exact_json.loads` returns it, exactly."""
    if faults := list(islice(_unstorable(document, ()), _MAX_FAULTS)):
        raise Invalid(faults)


def _faults(error: Any) -> Iterator[Fault]:
    """fastjsonschema's finding, pointed at the very field."""
    pointer = "".join(f"/{part}" for part in error.path[1:])
    match error.rule:
        case "required":
            for name in error.rule_definition:
                if name not in error.value:
                    yield Fault(f"{pointer}/{name}", "is required")
        case "additionalProperties":
            for name in error.value:
                if name not in error.definition["properties"]:
                    yield Fault(f"{pointer}{_pointer((name,))}", "is not a known field")
        case "pattern":
            yield Fault(pointer, _PATTERNS[error.rule_definition])
        case "minProperties":
            yield Fault(pointer, f"must have one of {', '.join(error.definition['properties'])}")
        case "anyOf" if all(option.keys() == {"required"} for option in error.rule_definition):
            first, *others = (name for option in error.rule_definition for name in option["required"])
            yield Fault(f"{pointer}/{first}", f"is required, or {' or '.join(others)}")
        case "anyOf":
            options = " or ".join(option["description"] for option in error.rule_definition)
            yield Fault(pointer, f"must be {options}")
        case _:
            yield Fault(pointer, error.message.removeprefix(error.name).strip())


def _unstorable(value: Any, path: _Path) -> Iterator[Fault]:
    if isinstance(value, str):
        if not _is_unicode(value):
            yield Fault(_pointer(path), "holds half a surrogate pair, which is not Unicode text")
    elif isinstance(value, Decimal):
        if not is_storable(value):
            detail = "must have at most 38 significant digits and lie between 1E-130 and 1E+126"
            yield Fault(_pointer(path), detail)
    elif isinstance(value, dict | list) and len(path) > MAX_NESTING:
        yield Fault(_pointer(path), f"is nested deeper than {MAX_NESTING} levels")
    elif isinstance(value, dict):
        yield from _repeated(value, path)
        for name, member in value.items():
            if not name or not _is_unicode(name):
                yield Fault(_pointer((*path, name)), "has a name that is empty or not Unicode text")
            yield from _unstorable(member, (*path, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _unstorable(member, (*path, index))


def _repeated(value: Any, path: _Path) -> Iterator[Fault]:
    if isinstance(value, RepeatedName):
        yield Fault(_pointer((*path, value.name)), "is there twice")


def _pointer(path: _Path) -> str:
    """The JSON Pointer (RFC 6901) of what is at the end of `path`."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
