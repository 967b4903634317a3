"""The map of the customer's page, as text."""

import re

import pytest

from public import atlas, drawing
from tests.html import Parsed


def drawn(*positions: tuple[float, float]) -> tuple[str, Parsed]:
    """The map of positions, latitude first, from the oldest on."""
    text = drawing.draw([atlas.point(lat, lng) for lat, lng in positions])
    return text, Parsed(text)


def shares(parsed: Parsed, kind: str) -> list[tuple[float, float]]:
    """Where circles are, in percent from the upper left."""
    found = parsed.all("circle", **{"class": kind})
    return [(float(str(one["cx"])[:-1]), float(str(one["cy"])[:-1])) for one in found]


@pytest.mark.parametrize(
    "positions",
    [
        [(52.52, 13.41)],
        [(38.72, -9.14), (52.52, 13.41)],
        [(35.68, 139.69), (61.2, -149.9), (34.05, -118.24)],
        [(-18.1, 178.4), (-13.8, -171.8)],
        [(0.0, 0.0), (0.0, 120.0), (0.0, -120.0), (0.0, 0.0)],
        [(90.0, 0.0), (89.9, 180.0)],
        [(-90.0, -180.0)],
        [(78.2, 15.6), (-77.8, 166.7)],
        [(1e300, -1e300)],
    ],
)
def test_every_position_is_on_the_map(positions: list[tuple[float, float]]) -> None:
    text, parsed = drawn(*positions)
    places = shares(parsed, "stop") + shares(parsed, "last")
    assert len(shares(parsed, "last")) == 1
    assert all(5 <= x <= 95 and 5 <= y <= 95 for x, y in places), "a marker on the edge is cut off"
    assert len(text) < 60_000
    assert not re.search(r"nan|inf|[0-9]e", "".join(re.findall(r'd="(.*?)"', text)))


def test_one_position_is_in_the_middle_of_its_surroundings() -> None:
    text, parsed = drawn((52.52, 13.41))
    assert shares(parsed, "last") == [(50, 50)]
    assert ">Berlin</text>" in text
    assert ">Leipzig</text>" in text
    assert ">Munich</text>" not in text


@pytest.mark.parametrize("position", [(0.0, 0.0), (-48.88, -123.39), (-90.0, 0.0)])
def test_far_from_any_town_the_map_shows_more(position: tuple[float, float]) -> None:
    text, parsed = drawn(position)
    assert parsed.all("text")
    assert 'class="land" d="M' in text


@pytest.mark.parametrize(("to", "anchor"), [((52.23, 21.01), "end"), ((52.37, 9.73), None)])
def test_a_name_leaves_the_way_free(to: tuple[float, float], anchor: str | None) -> None:
    _, parsed = drawn((52.52, 13.41), to)
    (berlin,) = parsed.all("text", x=f"{shares(parsed, 'stop')[0][0]:.2f}%")
    assert berlin.get("text-anchor") == anchor


def test_north_is_up_and_east_is_right() -> None:
    _, parsed = drawn((38.72, -9.14), (59.44, 24.75))
    ((stop_x, stop_y),), ((last_x, last_y),) = shares(parsed, "stop"), shares(parsed, "last")
    assert stop_x < last_x
    assert stop_y > last_y


def test_the_way_over_the_antimeridian_is_the_short_one() -> None:
    _, parsed = drawn((-18.1, 179.0), (-18.1, -179.0))
    ((stop, _),), ((last, _),) = shares(parsed, "stop"), shares(parsed, "last")
    # 2 of the 7.9 degrees that a map at this latitude shows at least.
    assert 20 < last - stop < 30


@pytest.mark.parametrize(
    ("position", "land"),
    [((-16.8, 179.99), True), ((66.5, -179.9), True), ((-85.0, 180.0), True), ((-30.0, -120.0), False)],
    ids=["Fiji", "Chukotka", "Antarctica", "Pacific"],
)
def test_land_goes_on_beyond_the_antimeridian(position: tuple[float, float], land: bool) -> None:
    text, _ = drawn(position)
    assert bool(re.findall(r'class="land" d="(M.+?)"', text)) is land


def test_labels_do_not_touch_on_a_phone() -> None:
    text, _ = drawn((38.72, -9.14), (48.86, 2.35), (52.52, 13.41))
    labels = re.findall(r'<text x="([\d.]+)%" y="([\d.]+)%" dx="(-?\d+)"[^>]*>([^<]+)<', text)
    assert {"Lisbon", "Paris", "Berlin"} <= {name for *_, name in labels}, "where it has been goes first"
    boxes = []
    for x, y, dx, name in labels:
        start = float(x) * 2.7 + int(dx)
        end = start + len(name) * (6 if int(dx) > 0 else -6)
        boxes.append((min(start, end), float(y) * 1.8, max(start, end)))
    for index, (left, middle, right) in enumerate(boxes):
        assert left >= 0
        assert right <= 270
        for other_left, other_middle, other_right in boxes[index + 1 :]:
            assert right < other_left or other_right < left or abs(middle - other_middle) >= 12
