"""What a vendor's message says, as updates; stacks/mapping.schema.json describes the files in `mappings`."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature

from web import exact_json

_FOLDER: Final = Path(__file__).with_name("mappings")
_DAY: Final = 24 * 3600 * 1000
#: Characters of a date at most.
_DATE: Final = len("2000-01-01")

#: By the vendor's own ids, the places of events that say no other; under "*" that of all others.
Places = dict[str, Any]


class Unmapped(Exception):
    """A message, or an event in it, is no update; the message says why, and may hold what was sent."""


class Mapping:
    """A compiled mapping; `document` is its file's content."""

    def __init__(self, document: dict[str, Any]) -> None:
        #: How the vendor's senders prove themselves, if nothing else is agreed.
        self.proof: dict[str, Any] = document["proof"]
        self._events = jmespath.compile(document["events"])
        self._each = jmespath.compile(document.get("each", "[event]"))
        self._place = jmespath.compile(document["place"]) if "place" in document else None
        self._update = _compile(document["update"])
        self._latest = _compile(document.get("latest", {}))
        self._keys = [jmespath.compile(key) for key in document.get("status", [])]
        self._statuses: dict[str, list[str] | None] = document.get("statuses", {})

    def read(self, body: Any, places: Places) -> list[tuple[int, Any]]:
        """The updates of a message, not yet checked, or instead of one None, if it is of no interest, or an Unmapped.

        Each has the place of its event in the message, and they are in that order, and in that of what an event names.
        Raises Unmapped without a list of events.
        """
        events = _search(self._events, body)
        if not isinstance(events, list):
            raise Unmapped("it holds no events")
        found = [
            (place, one)
            for place, event in enumerate(events)
            for one in self._read_all({"body": body, "event": event}, places)
        ]
        if self._latest:
            updates = [(place, one) for place, one in found if isinstance(one, dict)]
            if updates:
                place, latest = max(updates, key=lambda found: found[1]["timestamp"])
                latest |= _fill(self._latest, {"body": body, "event": events[place]}) or {}
        return found

    def _read_all(self, source: dict[str, Any], places: Places) -> Iterator[Any]:
        """What is told of each thing that an event names; None for an event of no interest."""
        try:
            status = self._status(source)
            things = [None] if status is None else _search(self._each, source)
            if not isinstance(things, list) or not things:
                raise Unmapped(f"it names no shipment: {self._each.expression}")
        except Unmapped as error:
            yield error
            return
        for thing in things:
            try:
                yield None if status is None else self._read(source | {"each": thing}, status, places)
            except Unmapped as error:
                yield error

    def _read(self, source: dict[str, Any], status: list[str], places: Places) -> Any:
        """An update. Raises Unmapped."""
        if not isinstance(self._update, dict):
            return _with_time(_search(self._update, source))
        update = _with_time(_fill(self._update, source) or {})
        if not update.keys() & {"location", "place"} and (place := self._known_place(source, places)):
            update["place"] = place
        return update | dict(zip(("status", "reason"), status, strict=False))

    def _known_place(self, source: dict[str, Any], places: Places) -> Any:
        named = _search(self._place, source) if self._place else None
        return places.get(named if isinstance(named, str) else "*", places.get("*"))

    def _status(self, source: dict[str, Any]) -> list[str] | None:
        """The status, perhaps with its reason, or neither if the update has them; None for what is of no interest.

        Raises Unmapped.
        """
        if not self._keys:
            return []
        keys = []
        for expression in self._keys:
            with suppress(Unmapped):  # a part of it is not there
                keys.append(_search(expression, source))
                if isinstance(keys[-1], str) and keys[-1] in self._statuses:
                    return self._statuses[keys[-1]]
        if not any(keys):
            raise Unmapped(f"it has no status: {self._keys[-1].expression}")
        raise Unmapped(f"the status {json.dumps(keys, default=str)} is not in the mapping's table")


@cache
def load(name: str) -> Mapping:
    """The mapping of this name."""
    return Mapping(json.loads((_FOLDER / f"{name}.json").read_bytes()))


def _compile(template: Any) -> Any:
    if isinstance(template, dict):
        return {name: _compile(part) for name, part in template.items()}
    return jmespath.compile(template)


def _with_time(update: Any) -> Any:
    """The update, which is told from another one of the shipment by its time. Raises Unmapped if it has none."""
    if isinstance(update, dict) and "timestamp" not in update:
        raise Unmapped("it has no time")
    return update


def _fill(template: Any, source: Any) -> Any:
    """The value of a template, without what is empty, or twice in a list; None if all is empty. Raises Unmapped."""
    if isinstance(template, dict):
        return _without_empty({name: _fill(part, source) for name, part in template.items()})
    return _without_empty(_search(template, source))


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        value = {name: kept for name, part in value.items() if (kept := _without_empty(part)) is not None}
    elif isinstance(value, list):
        parts, value = value, []
        for part in parts:
            if part not in value and _without_empty(part) is not None:
                value.append(part)
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
        return _milliseconds(text) if text else None

    @signature({"types": ["string", "null"]}, {"types": ["string", "null"]}, {"types": ["string", "null"]})
    def _func_estimate(self, start: str | None, end: str | None, at: str | None) -> Any:
        """An estimated delivery: from a time to another, or else `at` a time, which a date alone makes a day of UTC."""
        if start and end:
            return {"from": _milliseconds(start), "to": _milliseconds(end)}
        if not at:
            return None
        moment = _milliseconds(at)
        return {"from": moment, "to": moment + _DAY - 1} if len(at) <= _DATE else moment

    @signature({"types": ["string", "null"]}, {"types": ["number"]})
    def _func_text(self, text: str | None, most: int) -> str | None:
        """Without control characters, white space at the ends, and what is more than `most` characters."""
        return text and re.sub(r"[\x00-\x1f\x7f-\x9f\s]+", " ", text).strip()[:most].strip()

    @signature({"types": ["string", "null"]})
    def _func_country(self, code: str | None) -> str | None:
        """The country's code of two letters, if `code` is one of ISO 3166-1's, of two letters or three."""
        countries = _countries()
        code = (code or "").strip().upper()
        return code if code in countries.values() else countries.get(code)

    @signature({"types": ["string", "null"]})
    def _func_number(self, text: str | None) -> Any:
        """The number that a text is."""
        return exact_json.loads(text) if text else None

    @signature({"types": ["string", "null"]})
    def _func_cbv(self, uri: str | None) -> str | None:
        """The bare word of GS1's Core Business Vocabulary, in all its forms; another vocabulary's as it is."""
        forms = r"(?:urn:epcglobal:cbv:(?:bizstep|disp):|(?:https://(?:ref\.)?gs1\.org/cbv/|cbv:)(?:BizStep|Disp)-)(\w+)"
        found = re.fullmatch(forms, uri or "", re.ASCII)
        return found[1] if found else uri

    @signature({"types": ["string", "null"]})
    def _func_geo(self, uri: str | None) -> Any:
        """The location of a geo URI (RFC 5870)."""
        found = re.match(r"geo:(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)(?:[,;]|$)", uri or "", re.ASCII)
        return found and {"lat": Decimal(found[1]), "lng": Decimal(found[2])}

    @signature({"types": ["string", "null"]})
    def _func_gs1_key(self, uri: str | None) -> str | None:
        """The 18 digits of an SSCC, from its URN or its GS1 Digital Link; another URI as it is.

        GS1 EPC Tag Data Standard, "SSCC": the URN has the extension digit behind the prefix, and no check digit.
        """
        if urn := re.fullmatch(r"urn:epc:id:sscc:(\d+)\.(\d)(\d+)", uri or "", re.ASCII):
            digits = urn[2] + urn[1] + urn[3]
            weighted = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(digits))
            return f"{digits}{-weighted % 10}"
        link = re.fullmatch(r"https?://[^?#]*/00/(\d{18})(?:[?#].*)?", uri or "", re.ASCII)
        return link[1] if link else uri


def _milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


@cache
def _countries() -> dict[str, str]:
    """ISO 3166-1's codes of two letters, by those of three."""
    countries: dict[str, str] = json.loads(Path(__file__).with_name("countries.json").read_bytes())
    return countries


_OPTIONS: Final = jmespath.Options(custom_functions=_Functions())
