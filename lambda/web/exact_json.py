"""JSON in and out without loss: numbers keep their digits and their kind, and nothing ambiguous is let in."""

import json
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any

from shipments.document import RepeatedName

#: int(text) of more digits than this is left to Decimal, which takes linear time.
_INT_DIGITS = 38


def loads(text: str) -> Any:
    """Parse `text`; a number becomes an int, or with a fraction, an exponent or over 38 digits a Decimal.

    Raises ValueError, with a message fit for the sender, if `text` is not JSON (NaN and Infinity are not).
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def dumps(value: Any) -> str:
    """The JSON text of `value`, in ASCII; a Decimal in it as it is spelled (1E+3, 0.10, -0.0)."""
    try:
        return _ENCODER.encode(value)
    except TypeError:  # a Decimal, for which json has no way
        return _spell(value)


def _spell(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_spell(name)}:{_spell(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_spell, value)) + "]"
    return str(value) if isinstance(value, Decimal) else _ENCODER.encode(value)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of 19 digits
        return Decimal("Infinity")


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= _INT_DIGITS and text != "-0" else Decimal(text)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(members)
    if len(result) < len(members):
        result = RepeatedName(result)
        result.name = Counter(name for name, _ in members).most_common(1)[0][0]
    return result


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder(
    parse_float=_decimal, parse_int=_integer, parse_constant=_no_constant, object_pairs_hook=_object
)
