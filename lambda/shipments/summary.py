"""What a page of a shipment's history says at a glance."""

from collections.abc import Sequence
from itertools import pairwise
from math import asin, cos, hypot, radians, sin, sqrt
from typing import Any

#: km, mean radius of the Earth; IUGG, Geodetic Reference System 1980.
EARTH_RADIUS = 6371.0088


def summarize(updates: Sequence[dict[str, Any]], now: int) -> dict[str, Any]:
    """Summary of `updates`, newest first as a page has them; `now` is ms since the epoch.

    Status and times are those of the page's newest and oldest update, null without any; distances in km
    along great circles, rounded to m; hours rounded to hundredths, never negative.
    """
    newest, oldest = (updates[0], updates[-1]) if updates else ({}, {})
    return {
        "current_status": newest.get("status"),
        "first_update": oldest.get("timestamp"),
        "last_update": newest.get("timestamp"),
        "updates": len(updates),
        "distance_km": round(sum(distance(a["location"], b["location"]) for a, b in pairwise(updates)), 3),
        "hours_since_last_update": (
            round(max(0, now - newest["timestamp"]) / 3_600_000, 2) if newest else None
        ),
    }


def distance(a: dict[str, Any], b: dict[str, Any]) -> float:
    """km between two places along the great circle (haversine formula)."""
    lat_a, lng_a, lat_b, lng_b = (radians(place[axis]) for place in (a, b) for axis in ("lat", "lng"))
    # Rounding can carry the sum past 1 for antipodes.
    half_chord = min(
        1, hypot(sin((lat_b - lat_a) / 2), sqrt(cos(lat_a) * cos(lat_b)) * sin((lng_b - lng_a) / 2))
    )
    return 2 * EARTH_RADIUS * asin(half_chord)
