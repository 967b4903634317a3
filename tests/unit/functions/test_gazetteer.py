"""Where places are, by name."""

from typing import Any

import pytest

from places.gazetteer import country_name, load, location_of


@pytest.mark.parametrize(
    ("place", "location"),
    [
        ({"city": "Tallinn", "country": "EE"}, (59.44, 24.75, "city")),
        ({"city": "SAO PAULO", "country": "BR"}, (-23.55, -46.64, "city")),
        ({"city": "koln", "unlocode": "DECGN"}, (50.93, 6.95, "city")),
        ({"city": "Aix en Provence", "country": "FR"}, (43.53, 5.45, "city")),
        # There are some of that name in the USA, and one in a state.
        ({"city": "Portland", "region": "or", "country": "US"}, (45.52, -122.68, "city")),
        ({"city": "Portland", "region": "ME", "country": "US"}, (39.53, -99.14, "country")),
        ({"city": "Portland", "country": "US"}, (39.53, -99.14, "country")),
        # Two towns of a size.
        ({"city": "Cascavel", "country": "BR"}, (-10.84, -53.12, "country")),
        ({"city": "Nowhere", "country": "DE"}, (51.09, 10.37, "country")),
        ({"unlocode": "DEHAM"}, (51.09, 10.37, "country")),
        ({"country": "AU"}, (-25.57, 134.36, "country")),
        ({"country": "GF"}, (4.93, -52.33, "country")),
    ],
)
def test_a_place_is_found(place: dict[str, str], location: tuple[float, float, str]) -> None:
    found = location_of({"place": place})
    assert found is not None
    assert (found["lat"], found["lng"], found["precision"]) == location


@pytest.mark.parametrize("place", [None, {"city": "Berlin"}, {"postcode": "10115"}, {"country": "ZZ"}])
def test_a_place_is_not_guessed(place: dict[str, str] | None) -> None:
    assert location_of({"place": place}) is None


def test_what_was_sent_counts() -> None:
    sent: dict[str, Any] = {"lat": 1, "lng": 2}
    assert location_of({"location": sent, "place": {"country": "DE"}}) == sent


def test_every_town_is_somewhere_and_named_once() -> None:
    gazetteer = load()
    assert len(gazetteer.names) == len(gazetteer.lngs) == len(gazetteer.lats) == len(gazetteer.regions)
    assert all(abs(lng) <= 180_00 for lng in gazetteer.lngs)
    assert all(abs(lat) <= 90_00 for lat in gazetteer.lats)
    for name, lng, lat in gazetteer.countries.values():
        assert name
        assert abs(lng) <= 180_00
        assert abs(lat) <= 90_00
    assert {region[:2] for region in gazetteer.regions if region} <= gazetteer.countries.keys()


def test_a_country_has_a_name() -> None:
    assert (country_name("DE"), country_name("ZZ")) == ("Germany", "ZZ")
