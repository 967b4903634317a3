"""JSON values as DynamoDB attribute values and back, exactly."""

from decimal import Decimal
from typing import Any

from shipments.numbers import STORABLE

AttributeValue = dict[str, Any]
Item = dict[str, AttributeValue]

#: With an attribute's name behind it, the attribute that has the numbers in it whose spelling DynamoDB would change:
#: their texts, inside as many maps, with the places in a list as names.
_SPELLINGS = "spellings/"


class ForeignItem(Exception):
    """An item is not of the kind that the table holds; somebody else wrote it."""


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
    spellings = {f"{_SPELLINGS}{name}": texts for name, texts in _spellings(value).items()}
    return {name: encode(member) for name, member in (value | spellings).items()}


def decode_item(item: Item) -> dict[str, Any]:
    """The members that `encode_item` was given, their order aside.

    A number with a fraction is a float if that has the same digits, which json writes faster, else a Decimal.
    """
    value = {name: _decode(member) for name, member in item.items()}
    for name in [name for name in value if name.startswith(_SPELLINGS)]:
        _respell(value, {name.removeprefix(_SPELLINGS): value.pop(name)})
    return value


def assignment(members: dict[str, Any]) -> dict[str, Any]:
    """What UpdateItem is told, so that an item has these members, and no longer those that are None."""
    kept = {name: value for name, value in members.items() if value is not None}
    sets = ", ".join(f"#{name} = :{name}" for name in kept)
    removes = ", ".join(f"#{name}" for name in members if name not in kept)
    values = {f":{name}": encode(value) for name, value in kept.items()}
    return {
        "UpdateExpression": " ".join(filter(None, (sets and f"SET {sets}", removes and f"REMOVE {removes}"))),
        "ExpressionAttributeNames": {f"#{name}": name for name in members},
        **({"ExpressionAttributeValues": values} if values else {}),
    }


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
    return f"{STORABLE.normalize(number):f}" if number else "0"


def _spellings(value: dict[str, Any] | list[Any]) -> dict[str, Any]:
    """The texts of the numbers in `value` that DynamoDB would spell in another way."""
    texts: dict[str, Any] = {}
    for place, member in value.items() if isinstance(value, dict) else enumerate(value):
        match member:
            case Decimal() if str(Decimal(_plain(member))) != str(member):
                texts[str(place)] = str(member)
            case dict() | list() if inside := _spellings(member):
                texts[str(place)] = inside
    return texts


def _respell(value: Any, spellings: dict[str, Any]) -> None:
    for name, text in spellings.items():
        place = int(name) if isinstance(value, list) else name
        if isinstance(text, dict):
            _respell(value[place], text)
        else:
            value[place] = Decimal(text)
