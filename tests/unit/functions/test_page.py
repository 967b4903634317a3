"""The customer's page and its map, as text."""

import re
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from contract.reasons import REASONS
from public import page, texts
from tests.html import Parsed

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;${x}$title"


def update(status: str = "in_transit", lat: float = 52.52, lng: float = 13.41, at: int = 0) -> dict[str, Any]:
    return {"status": status, "timestamp": 1780328400000 + at, "location": {"lat": lat, "lng": lng}}


def shipment(*updates: dict[str, Any], tracking_id: str = "PKG-1", **more: Any) -> str:
    status = updates[0]["status"] if updates else "pending"
    return page.shipment({"tracking_id": tracking_id, "status": status, "updates": updates, **more})


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
