"""Distances and the summary of a page."""

from decimal import Decimal
from typing import Any

import pytest

from shipments.summary import EARTH_RADIUS, distance, summarize


def place(lat: Any, lng: Any) -> dict[str, Any]:
    """A location."""
    return {"lat": lat, "lng": lng}


@pytest.mark.parametrize(
    ("a", "b", "km"),
    [
        (place(52.52, 13.405), place(52.52, 13.405), 0),
        (place(0, 0), place(0, 180), EARTH_RADIUS * 3.14159265),
        (place(90, 0), place(-90, 77), EARTH_RADIUS * 3.14159265),
        (place(0, 179.5), place(0, -179.5), EARTH_RADIUS * 3.14159265 / 180),
        # Berlin to Munich; geopy's great_circle.
        (place(Decimal("52.52"), Decimal("13.405")), place(48.1351, 11.582), 504.42),
    ],
)
def test_distance(a: dict[str, Any], b: dict[str, Any], km: float) -> None:
    assert distance(a, b) == pytest.approx(km, rel=1e-3)


def test_update_in_the_future_is_no_hours_ago() -> None:
    update = {"timestamp": 2_000, "status": "pending", "location": place(1, 1)}
    assert summarize([update], now=1_000)["hours_since_last_update"] == 0
