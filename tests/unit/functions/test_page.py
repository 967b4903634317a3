"""The customer's page and its map, as text."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from contract.reasons import REASONS
from public import atlas, drawing, page, texts

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;${x}$title"


def update(status: str = "in_transit", lat: float = 52.52, lng: float = 13.41, at: int = 0) -> dict[str, Any]:
    return {"status": status, "timestamp": 1780328400000 + at, "location": {"lat": lat, "lng": lng}}


def shipment(*updates: dict[str, Any], tracking_id: str = "PKG-1", **more: Any) -> str:
    status = updates[0]["status"] if updates else "pending"
    return page.shipment({"tracking_id": tracking_id, "status": status, "updates": updates, **more})


class Parsed(HTMLParser):
    """The tags of a page, with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.tags if name == tag and attributes.items() <= found.items()]


PAGES = {
    "home": page.home(),
    "missing": page.missing("PKG-1"),
    "invalid": page.invalid(),
    "failure": page.failure(),
    "shipment": shipment(update()),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_policy_allows_what_is_in_the_page_and_nothing_else(name: str) -> None:
    policy = dict(part.split(" ", 1) for part in page.headers()["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", PAGES[name], re.DOTALL)
        assert policy[f"{tag}-src"] == f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
    for _, attributes in Parsed(PAGES[name]).tags:
        assert not [key for key in attributes if key == "style" or key.startswith("on")]
        assert not (attributes.get("href") or "").startswith(("http", "//"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole(name: str) -> None:
    parsed = Parsed(PAGES[name])
    assert parsed.all("html", lang="en")
    assert len(parsed.all("h1")) == 1
    assert "$" not in re.sub(r"<script>.*</script>", "", PAGES[name], flags=re.DOTALL)
    identifiers = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize(
    "text",
    [
        shipment(update(HOSTILE), update(), tracking_id=HOSTILE, next_key=HOSTILE),
        page.missing(HOSTILE),
    ],
)
def test_what_a_stranger_wrote_is_text(text: str) -> None:
    parsed = Parsed(text)
    assert HOSTILE in parsed.text
    assert len(parsed.all("script")) == 1
    assert not parsed.all("img")
    assert all(not key.startswith("on") for _, attributes in parsed.tags for key in attributes)


@pytest.mark.parametrize(
    ("status", "labels", "reached"),
    [
        ("pending", ["Registered", "In transit", "Delivered"], 0),
        ("in_transit", ["Registered", "In transit", "Delivered"], 1),
        ("delivered", ["Registered", "In transit", "Delivered"], 2),
        ("failed", ["Registered", "In transit", "Delivery failed"], 2),
        ("lost", [], None),
    ],
)
def test_the_progress(status: str, labels: list[str], reached: int | None) -> None:
    text = shipment(update(status))
    progress = re.findall(r'<ol class="progress".*?</ol>', text, re.DOTALL)
    steps = re.findall(r"<li(.*?)>.*?</svg>(.*?)</li>", "".join(progress), re.DOTALL)
    assert [label for _, label in steps] == labels
    here = [index for index, (attributes, _) in enumerate(steps) if 'aria-current="step"' in attributes]
    assert here == ([] if reached is None else [reached])


@pytest.mark.parametrize("count", [0, 1, 100])
def test_any_number_of_updates(count: int) -> None:
    parsed = Parsed(shipment(*(update(lat=index / 2, at=-index) for index in range(count))))
    assert len(parsed.all("time")) == (count + 1 if count else 0)
    assert len(parsed.all("svg", role="img")) == (1 if count else 0)
    assert len(parsed.all("circle", **{"class": "stop"})) == max(0, count - 1)


def test_times_are_utc_until_the_script_runs() -> None:
    text = shipment(update())
    assert '<time datetime="2026-06-01T15:40:00Z">2026-06-01 15:40</time>' in text
    assert texts.TIMES in Parsed(text).text


def test_links_to_other_updates() -> None:
    assert not Parsed(shipment(update())).all("a", id="earlier")
    assert Parsed(shipment(update(), next_key="a+b/=&")).all(
        "a", id="earlier", href="?last_key=a%2Bb%2F%3D%26"
    )
    body = {"tracking_id": "a", "status": "delivered", "updates": [update("pending")]}
    older = page.shipment(body, older=True)
    assert Parsed(older).all("a", id="latest", href="?")
    assert "Near Berlin" not in older.split("</h1>")[1].split("</div>")[0], "where it was is not where it is"


def test_the_same_data_is_the_same_page() -> None:
    assert shipment(update()) == shipment(update())


@pytest.mark.parametrize(
    ("lat", "lng", "place"),
    [
        (52.52, 13.41, "Near Berlin"),
        (-33.6, 151.0, "Near Sydney"),
        (0.0, -30.0, "0.00° N, 30.00° W"),
        (-45.5, 12.25, "45.50° S, 12.25° E"),
        (-16.8, 179.99, "16.80° S, 179.99° E"),
        (90, 180, "90.00° N, 180.00° W"),
    ],
)
def test_a_place_in_words(lat: float, lng: float, place: str) -> None:
    assert f"<p>{place}</p>" in shipment(update(lat=lat, lng=lng))


@pytest.mark.parametrize(
    ("place", "location", "text", "on_map"),
    [
        (
            {"city": "Köln", "country": "DE"},
            {"lat": 50.93, "lng": 6.95, "precision": "city"},
            "Köln, Germany",
            1,
        ),
        ({"city": "<b>", "region": "&"}, None, "&lt;b&gt;, &amp;", 0),
        ({"country": "DE"}, {"lat": 51.09, "lng": 10.37, "precision": "country"}, "Germany", 0),
        ({"country": "ZZ"}, {"lat": 52.52, "lng": 13.41}, "ZZ", 1),
    ],
)
def test_a_place_by_name(place: dict[str, str], location: Any, text: str, on_map: int) -> None:
    shown = shipment({**update(), "place": place, "location": location})
    assert f"<p>{text}</p>" in shown
    assert len(Parsed(shown).all("svg", role="img")) == on_map


DAY = 86_400_000
#: Of the update that `update` makes.
AT = 1780328400000


@pytest.mark.parametrize(
    ("status", "estimate", "days", "text"),
    [
        ("in_transit", AT + DAY, 0, "Expected by 2026-06-02 15:40."),
        (
            "in_transit",
            {"from": AT, "to": AT + DAY},
            0,
            "Expected between 2026-06-01 15:40 and 2026-06-02 15:40.",
        ),
        ("pending", AT + DAY, 2, "Was expected by 2026-06-02 15:40."),
        ("in_transit", None, 2, ""),
        ("in_transit", None, 3, "No news for 3 days."),
        ("in_transit", AT + 9 * DAY, 5, "Expected by 2026-06-10 15:40.No news for 5 days."),
        ("in_transit", 0, 0, "Was expected by 1970-01-01 00:00."),
        ("delivered", AT + DAY, 9, ""),
        ("failed", AT + DAY, 9, ""),
    ],
)
def test_what_to_await(status: str, estimate: Any, days: int, text: str) -> None:
    body = {"tracking_id": "A", "status": status, "updates": [update(status)]}
    told = page.news(body | {"estimated_delivery": estimate}, newest=AT, now=AT + days * DAY)
    assert Parsed(told).text == text
    assert told in page.shipment(body, news=told)


def test_a_reason_in_words() -> None:
    shown = shipment({**update("failed"), "reason": "recipient_absent"}, {**update(), "reason": "of_later"})
    assert shown.count("<p>Nobody was there</p>") == 2, "in the heading and in the history"
    assert "of_later" not in shown
    assert texts.REASONS.keys() == REASONS.keys()


def test_no_place_at_all() -> None:
    shown = shipment({**update(), "location": None})
    assert "<p></p>" not in shown
    assert "None" not in "".join(re.findall(r"<main>.*</main>", shown, re.DOTALL))


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
