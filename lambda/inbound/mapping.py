"""What a vendor's message says, as updates; stacks/mapping.schema.json describes the files in `mappings`."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature

_FOLDER = Path(__file__).with_name("mappings")


class Unmapped(Exception):
    """A message, or an event in it, is no update; the message says why, and may hold what was sent."""


class Mapping:
    """A compiled mapping; `document` is its file's content."""

    def __init__(self, document: dict[str, Any]) -> None:
        #: How the vendor's senders prove themselves, if nothing else is agreed.
        self.proof: dict[str, Any] = document["proof"]
        self._events = jmespath.compile(document["events"])
        self._update = _compile(document["update"])
        self._latest = _compile(document.get("latest", {}))
        self._keys = [jmespath.compile(key) for key in document.get("status", [])]
        self._statuses: dict[str, list[str] | None] = document.get("statuses", {})

    def read(self, body: Any) -> list[Any]:
        """The updates of a message, not yet checked, or instead of one the Unmapped that says why it is none.

        Raises Unmapped if nothing of it is an update.
        """
        events = _search(self._events, body)
        if not isinstance(events, list) or not events:
            raise Unmapped("it holds no events")
        found = list(self._read_all(body, events))
        if self._latest:
            _, latest = max(
                (
                    (update["timestamp"], place)
                    for place, update in enumerate(found)
                    if isinstance(update, dict)
                ),
                default=(0, None),
            )
            if latest is not None:
                found[latest] |= _fill(self._latest, {"body": body, "event": events[latest]}) or {}
        return [update for update in found if update is not None]

    def _read_all(self, body: Any, events: list[Any]) -> Iterator[Any]:
        for event in events:
            try:
                yield self._read(body, event)
            except Unmapped as error:
                yield error

    def _read(self, body: Any, event: Any) -> Any:
        """An update, or None for what is of no interest. Raises Unmapped."""
        source = {"body": body, "event": event}
        if not isinstance(self._update, dict):
            return _search(self._update, source)
        status = self._status(source)
        if status is None:
            return None
        update = _fill(self._update, source) or {}
        if "timestamp" not in update:
            raise Unmapped("it has no time")
        return update | dict(zip(("status", "reason"), status, strict=False))

    def _status(self, source: dict[str, Any]) -> list[str] | None:
        keys = [_search(key, source) for key in self._keys]
        for key in keys:
            if isinstance(key, str) and key in self._statuses:
                return self._statuses[key]
        raise Unmapped(f"the status {json.dumps(keys, default=str)} is not in the mapping's table")


@cache
def load(name: str) -> Mapping:
    """The mapping of this name."""
    return Mapping(json.loads((_FOLDER / f"{name}.json").read_bytes()))


def _compile(template: Any) -> Any:
    if isinstance(template, dict):
        return {name: _compile(part) for name, part in template.items()}
    return jmespath.compile(template)


def _fill(template: Any, source: Any) -> Any:
    """The value of a template, without what is empty in it; None if all is. Raises Unmapped."""
    if isinstance(template, dict):
        return _without_empty({name: _fill(part, source) for name, part in template.items()})
    return _without_empty(_search(template, source))


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        value = {name: kept for name, part in value.items() if (kept := _without_empty(part)) is not None}
    elif isinstance(value, list):
        value = [kept for part in value if (kept := _without_empty(part)) is not None]
    return None if value in ("", {}, []) else value


def _search(expression: Any, source: Any) -> Any:
    try:
        return expression.search(source, _OPTIONS)
    except (JMESPathError, ValueError, OverflowError) as error:
        raise Unmapped(str(error)) from error


class _Functions(Functions):
    """What JMESPath lacks; what is null stays null."""

    @signature({"types": ["string", "null"]})
    def _func_time(self, text: str | None) -> int | None:
        """ms since the epoch of a time as ISO 8601 has it; one without an offset is in UTC."""
        if not text:
            return None
        moment = datetime.fromisoformat(text)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)

    @signature({"types": ["string", "null"]}, {"types": ["number"]})
    def _func_text(self, text: str | None, most: int) -> str | None:
        """Without control characters, white space at the ends, and what is more than `most` characters."""
        return text and re.sub(r"[\x00-\x1f\x7f-\x9f\s]+", " ", text).strip()[:most].strip()


_OPTIONS = jmespath.Options(custom_functions=_Functions())
