"""Where positions are: the lines of the map that shows them, and the town that one is near.

Coordinates in here are whole hundredths of a degree, which is how finely the public API tells a position. atlas.json is
written by tools/atlas.mjs, which says where it is from; the towns are the gazetteer's.
"""

import json
from array import array
from base64 import b64decode
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import accumulate, islice, pairwise
from math import cos, hypot, radians
from pathlib import Path
from typing import Final, NamedTuple, Self

from places import gazetteer

#: Longitude, latitude.
Point = tuple[int, int]
#: Name, longitude, latitude.
Town = tuple[str, int, int]

TURN: Final = 360_00
#: Of latitude, about 75 km: a town farther away is not near.
_NEAR: Final = 67
#: Points of the parts into which a long line is divided, to leave out at once what cannot be seen.
_PART: Final = 32


@dataclass(eq=False, slots=True)
class Line:
    """A line of the map. Where it crosses the antimeridian it goes on beyond 180 degrees.

    A long one has parts, one after the other.
    """

    lngs: Sequence[int]
    lats: Sequence[int]
    west: int
    east: int
    south: int
    north: int
    parts: Sequence["Line"] = ()

    @classmethod
    def through(cls, lngs: Sequence[int], lats: Sequence[int]) -> Self:
        return cls(lngs, lats, min(lngs), max(lngs), min(lats), max(lats))

    @property
    def extent(self) -> int:
        """Its width and its height, one behind the other."""
        return self.east - self.west + self.north - self.south


class Atlas(NamedTuple):
    land: list[Line]
    borders: list[Line]
    towns: list[Town]
    """The biggest first."""
    by_latitude: list[tuple[int, int, str]]


@cache
def load() -> Atlas:
    """The atlas, read once."""
    data = json.loads(Path(__file__).with_name("atlas.json").read_bytes())

    def lines(lengths: list[int], **packed: str) -> list[Line]:
        ends = list(accumulate(lengths, initial=0))
        lngs, lats, *bounds = (
            array("h", b64decode(packed[column]))
            for column in ("lngs", "lats", "wests", "easts", "souths", "norths")
        )
        return [
            Line(lngs[start:end], lats[start:end], *bound)
            for (start, end), *bound in zip(pairwise(ends), *bounds, strict=True)
        ]

    places = gazetteer.load()
    towns = list(islice(zip(places.names, places.lngs, places.lats, strict=True), places.shown))
    by_latitude = sorted((lat, lng, name) for name, lng, lat in towns)
    return Atlas(lines(**data["land"]), lines(**data["borders"]), towns, by_latitude)


@cache
def thinned(line: Line, step: int) -> Line:
    """A line of the atlas without the points that are nearer than a step."""
    kept = [0]
    for index, (lng, lat) in enumerate(zip(line.lngs, line.lats, strict=True)):
        if abs(lng - line.lngs[kept[-1]]) + abs(lat - line.lats[kept[-1]]) >= step:
            kept.append(index)
    if kept[-1] != len(line.lngs) - 1:
        kept.append(len(line.lngs) - 1)
    lngs, lats = ([axis[index] for index in kept] for axis in (line.lngs, line.lats))
    starts = range(0, len(kept), _PART) if len(kept) > 2 * _PART else ()
    parts = [Line.through(lngs[at : at + _PART], lats[at : at + _PART]) for at in starts]
    return replace(line, lngs=lngs, lats=lats, parts=parts)


def point(lat: float, lng: float) -> Point:
    """A position in degrees, whose numbers may be any."""
    return wrap(round(lng * 100)), round(min(max(lat, -90), 90) * 100)


@lru_cache(1000)
def near(point: Point) -> str | None:
    """The name of the nearest town of some size, if there is one within about 75 km."""
    lng, lat = point
    towns, shrink = load().by_latitude, cos(radians(lat / 100))
    found = (
        (hypot(at - lat, wrap(there - lng) * shrink), name)
        for at, there, name in towns[bisect(towns, (lat - _NEAR,)) : bisect(towns, (lat + _NEAR,))]
    )
    distance, name = min(found, default=(_NEAR, ""))
    return name if distance < _NEAR else None


def wrap(lng: int) -> int:
    """The same longitude, from -180 up to 180 degrees."""
    return (lng + TURN // 2) % TURN - TURN // 2
