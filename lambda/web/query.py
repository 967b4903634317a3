"""The parameters of a query, and the keys of its pages."""

import re
from collections.abc import Mapping
from typing import Any

from contract.routes import LIMIT, Parameter, WholeNumber
from shipments.document import Fault
from shipments.page import Page, Position
from web import cursor
from web.errors import ApiError

Parameters = Mapping[Any, Any]


def limit(parameters: Parameters) -> int:
    """How many updates a page may have. Raises ApiError."""
    return number(parameters, LIMIT)


def number(parameters: Parameters, parameter: WholeNumber, *, minimum: int | None = None) -> int:
    """The number, or its default if it may be left out; `minimum` takes the place of its own. Raises ApiError."""
    name, low, high = parameter.name, minimum or parameter.minimum, parameter.maximum
    text = parameters.get(name)
    if text is None and not parameter.required:
        return parameter.default
    if isinstance(text, str) and re.fullmatch("[0-9]{1,15}", text) and low <= int(text) <= high:
        return int(text)
    fault = Fault(f"/{name}", f"must be an integer from {low} to {high}")
    raise ApiError(400, f"Invalid request: {name} {fault.detail}", [fault])


def choice(parameters: Parameters, parameter: Parameter, *, default: str = "") -> str:
    """The chosen one of its choices; `default` takes the place of the parameter's own. Raises ApiError."""
    text = parameters.get(parameter.name, default or parameter.choices[0])
    if text in parameter.choices:
        return str(text)
    fault = Fault(f"/{parameter.name}", f"must be one of {', '.join(parameter.choices)}")
    raise ApiError(400, f"Invalid request: {parameter.name} {fault.detail}", [fault])


def flagged(parameters: Parameters, parameter: Parameter) -> bool:
    """Whether a flag is there. Raises ApiError."""
    text = parameters.get(parameter.name)
    if text in (None, "true"):
        return text is not None
    fault = Fault(f"/{parameter.name}", "must be true")
    raise ApiError(400, f"Invalid request: {parameter.name} {fault.detail}", [fault])


def after(parameters: Parameters, query: cursor.Query) -> Position | None:
    """Where the page starts. Raises ApiError."""
    token = parameters.get("last_key")
    if token is None:
        return None
    try:
        return cursor.decode(token, query)
    except (TypeError, ValueError):
        fault = Fault("/last_key", "must be the next_key of an answer to the same query")
        raise ApiError(400, f"Invalid request: last_key {fault.detail}", [fault]) from None


def next_key(page: Page, query: cursor.Query) -> dict[str, str]:
    """The member of an answer that asks for the next page, if there may be one."""
    if page.more and page.positions:
        return {"next_key": cursor.encode(page.positions[-1], query)}
    return {}
