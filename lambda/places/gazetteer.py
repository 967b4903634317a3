"""Where a place is that an update names: its town, or else its country.

An update is stored with the place that was sent, and the place is looked up whenever the update is shown. So the
history stays what the carrier said, a better gazetteer makes the old updates better too, and a record does not depend
on the release that folded it. Who stores or shows no place never reads the data: gazetteer.json, which is written by
tools/atlas.mjs, with the sources named there.
"""

import json
import unicodedata
from array import array
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

FILE: Final = Path(__file__).with_name("gazetteer.json")

#: What a location that was looked up says of itself: it is in the middle of that.
CITY: Final = "city"
COUNTRY: Final = "country"


class Gazetteer(NamedTuple):
    """Towns with 100,000 people or more and capitals, in columns; coordinates are whole hundredths of a degree."""

    names: list[str]
    lngs: Sequence[int]
    lats: Sequence[int]
    regions: list[str]
    """The country of each, as ISO 3166-1 has it, with a state of the USA behind it; empty if the name is ambiguous."""
    shown: int
    """So many of them, the first ones, are on a map; the biggest first."""
    countries: Mapping[str, tuple[str, int, int]]
    """English name, longitude, latitude."""


@cache
def load() -> Gazetteer:
    """The gazetteer, read once."""
    data = json.loads(FILE.read_bytes())
    lngs, lats = (array("h", b64decode(data.pop(axis))) for axis in ("lngs", "lats"))
    return Gazetteer(lngs=lngs, lats=lats, **data)


@cache
def _towns() -> Mapping[tuple[str, str], int]:
    gazetteer = load()
    places = zip(gazetteer.regions, map(_fold, gazetteer.names), strict=True)
    return {place: index for index, place in enumerate(places) if place[0]}


def location_of(update: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where an update, or a shipment, was: the location that was sent, or else that of its place, if it is known.

    The latter has a `precision`: CITY, or COUNTRY if no more is known. The city is looked up in its country, and in the
    USA in its state, by any spelling that differs in accents, capitals and punctuation.
    """
    if update.get("location") is not None:
        return dict(update["location"])
    return _locate(update.get("place") or {})


def country_name(code: str) -> str:
    """The English name of a country by its code of ISO 3166-1, or else the code."""
    country = load().countries.get(code)
    return country[0] if country else code


def country_of(place: Mapping[str, str]) -> str:
    """The code of a place's country, or an empty text."""
    # A UN/LOCODE begins with it (UNECE Recommendation 16).
    return place.get("country") or place.get("unlocode", "")[:2]


def _locate(place: Mapping[str, str]) -> dict[str, Any] | None:
    country = country_of(place)
    if not country:
        return None
    gazetteer = load()
    if city := place.get("city"):
        region = f"US {place.get('region', '').upper()}" if country == "US" else country
        index = _towns().get((region, _fold(city)))
        if index is not None:
            return _location(gazetteer.lngs[index], gazetteer.lats[index], CITY)
    if country in gazetteer.countries:
        _, lng, lat = gazetteer.countries[country]
        return _location(lng, lat, COUNTRY)
    return None


def _location(lng: int, lat: int, precision: str) -> dict[str, Any]:
    return {"lat": lat / 100, "lng": lng / 100, "precision": precision}


def _fold(name: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", name.casefold()) if char.isalnum())
