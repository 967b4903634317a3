"""What a page of a shipment's history says at a glance."""

from collections.abc import Sequence
from itertools import pairwise
from math import asin, cos, hypot, radians, sin, sqrt
from typing import Any

from shipments.shipment import Shipment

#: km, mean radius of the Earth; IUGG, Geodetic Reference System 1980.
EARTH_RADIUS = 6371.0088


def summarize(
    updates: Sequence[dict[str, Any]], shipment: Shipment | None, *, first: bool, last: bool, now: int
) -> dict[str, Any]:
    """Summary of a page of a shipment's history.

    Status and times are the shipment's, null while neither its record nor the page tells them; hours rounded to
    hundredths, never negative. `page` is about the updates on it: their number, and the distance from one to the next
    in km along great circles, rounded to m, without those of which no more than a country is known.

    Args:
        updates: newest first, as a page has them, with the locations that are shown.
        shipment: the record, which may be behind the history by seconds; needless if the page is all of it.
        first: whether the page begins with the newest update; `last` likewise with the oldest.
        now: ms since the epoch.
    """
    newest = [(shipment.last_update, shipment.status)] if shipment else []
    oldest = [shipment.first_update] if shipment else []
    if updates and first:
        newest.append((updates[0]["timestamp"], updates[0]["status"]))
    if updates and (last or shipment):
        oldest.append(updates[-1]["timestamp"])
    last_update, status = max(newest, default=(None, None))
    places = [update["location"] for update in updates if is_precise(update["location"])]
    return {
        "current_status": status,
        "first_update": min(oldest, default=None),
        "last_update": last_update,
        "hours_since_last_update": (
            None if last_update is None else round(max(0, now - last_update) / 3_600_000, 2)
        ),
        "page": {
            "updates": len(updates),
            "distance_km": round(sum(distance(a, b) for a, b in pairwise(places)), 3),
        },
    }


def is_precise(location: dict[str, Any] | None) -> bool:
    """Whether a location is where something was, and not just the middle of its country."""
    return location is not None and location.get("precision") != "country"


def distance(a: dict[str, Any], b: dict[str, Any]) -> float:
    """km between two places along the great circle (haversine formula)."""
    lat_a, lng_a, lat_b, lng_b = (radians(place[axis]) for place in (a, b) for axis in ("lat", "lng"))
    # Rounding can carry the sum past 1 for antipodes.
    half_chord = min(
        1, hypot(sin((lat_b - lat_a) / 2), sqrt(cos(lat_a) * cos(lat_b)) * sin((lng_b - lng_a) / 2))
    )
    return 2 * EARTH_RADIUS * asin(half_chord)
