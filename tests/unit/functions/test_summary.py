"""Distances and the summary of a page."""

from decimal import Decimal
from typing import Any

import pytest

from shipments.shipment import Shipment, StoredUpdate
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


def update(timestamp: int, status: str = "pending") -> StoredUpdate:
    return StoredUpdate("A", timestamp, status, place(1, 1))


def summary(page: list[StoredUpdate], shipment: Shipment | None = None, **of: Any) -> dict[str, Any]:
    """Of a page that is the whole history, if nothing else is said."""
    of = {"first": True, "last": True, "now": 3_600_000, **of}
    return summarize([one._asdict() for one in page], shipment, **of)


def test_update_in_the_future_is_no_hours_ago() -> None:
    assert summary([update(2_000)], now=1_000)["hours_since_last_update"] == 0


def test_a_page_that_is_the_whole_history_tells_all() -> None:
    assert summary([update(2, "delivered"), update(1)]) == {
        "current_status": "delivered",
        "first_update": 1,
        "last_update": 2,
        "hours_since_last_update": 1.0,
        "page": {"updates": 2, "distance_km": 0},
    }
    assert summary([])["current_status"] is None


def test_the_way_leads_past_what_is_not_known() -> None:
    berlin, munich = place(52.52, 13.405), place(48.1351, 11.582)
    germany = place(51.09, 10.37) | {"precision": "country"}
    way = [update(4)._replace(location=berlin), update(3)._replace(location=None)]
    way += [update(2)._replace(location=germany), update(1)._replace(location=munich)]
    assert summary(way)["page"] == {"updates": 4, "distance_km": pytest.approx(504.42, rel=1e-3)}
    assert summary(way[1:3])["page"] == {"updates": 2, "distance_km": 0}


def test_every_page_tells_of_the_shipment_and_not_of_itself() -> None:
    history = [update(4, "delivered"), update(3, "in_transit"), update(2), update(1)]
    shipment = Shipment.of(history[0])
    for one in history[1:]:
        shipment = shipment.add(one)
    whole = {name: value for name, value in summary(history).items() if name != "page"}
    for first, last in ((True, False), (False, False), (False, True)):
        page = history[: 2 if first else 4][1 if not first else 0 : 4 if last else 2]
        assert whole.items() <= summary(page, shipment, first=first, last=last).items()


def test_a_record_may_be_behind_the_history() -> None:
    told = summary([update(9, "delivered"), update(8)], Shipment.of(update(8)), last=False)
    assert (told["current_status"], told["first_update"], told["last_update"]) == ("delivered", 8, 9)


def test_what_is_not_known_is_null() -> None:
    told = summary([update(3), update(2)], first=False, last=False)
    assert [told[name] for name in ("current_status", "first_update", "last_update")] == [None] * 3
    assert told["hours_since_last_update"] is None
    assert summary([update(3)], last=False)["first_update"] is None
