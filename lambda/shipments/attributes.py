"""JSON values as DynamoDB attribute values and back, exactly."""

from collections.abc import Iterator
from decimal import Context, Decimal, DecimalException, Inexact, Overflow, Subnormal
from typing import Any

AttributeValue = dict[str, Any]
Item = dict[str, AttributeValue]

#: DynamoDB's numbers: 38 significant digits, magnitude 1E-130 to 9.99...E+125.
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_NUMBERS = Context(prec=38, Emin=-130, Emax=125, traps=[Inexact, Overflow, Subnormal])

#: The attribute of an item with the numbers whose spelling DynamoDB would change, by JSON Pointer.
_SPELLINGS = "spellings"


def is_storable(number: Decimal) -> bool:
    """Whether DynamoDB can hold `number` exactly."""
    try:
        return number.is_finite() and _NUMBERS.plus(number) == number
    except DecimalException:
        return False


def encode(value: Any) -> AttributeValue:
    """The attribute value of a JSON value; numbers must be storable. Equal values are encoded equally."""
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case Decimal():
            return {"N": _plain(value)}
        case float():
            return {"N": _plain(Decimal(repr(value)))}
        case None:
            return {"NULL": True}
        case dict():
            return {"M": {name: encode(member) for name, member in value.items()}}
        case _:
            return {"L": [encode(member) for member in value]}


def encode_item(value: dict[str, Any]) -> Item:
    """The item whose attributes are the members of `value`; `decode_item` gives back an equal dict."""
    item = {name: encode(member) for name, member in value.items()}
    if spellings := dict(_respelled(value, "")):
        item[_SPELLINGS] = encode(spellings)
    return item


def decode_item(item: Item) -> dict[str, Any]:
    """The members that `encode_item` was given, their order aside.

    A number with a fraction is a float if that has the same digits, which json writes faster, else a Decimal.
    """
    value = {name: _decode(member) for name, member in item.items()}
    for pointer, spelling in value.pop(_SPELLINGS, {}).items():
        parent, *path = value, *map(unescape, pointer.split("/")[1:])
        for part in path[:-1]:
            parent = parent[_step(parent, part)]
        parent[_step(parent, path[-1])] = Decimal(spelling)
    return value


def escape(name: str) -> str:
    """`name` as a part of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def unescape(part: str) -> str:
    """The name that a part of a JSON Pointer stands for."""
    return part.replace("~1", "/").replace("~0", "~")


def _decode(attribute: AttributeValue) -> Any:
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            if value.lstrip("-").isdigit():
                return int(value)
            return number if repr(number := float(value)) == value else Decimal(value)
        case "NULL":
            return None
        case "M":
            return {name: _decode(member) for name, member in value.items()}
        case "L":
            return [_decode(member) for member in value]
        case _:
            return value


def _plain(number: Decimal) -> str:
    return f"{_NUMBERS.normalize(number):f}" if number else "0"


def _respelled(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    match value:
        case Decimal() if str(Decimal(_plain(value))) != str(value):
            yield pointer, str(value)
        case dict():
            for name, member in value.items():
                yield from _respelled(member, f"{pointer}/{escape(name)}")
        case list():
            for index, member in enumerate(value):
                yield from _respelled(member, f"{pointer}/{index}")


def _step(parent: Any, part: str) -> Any:
    return int(part) if isinstance(parent, list) else part
