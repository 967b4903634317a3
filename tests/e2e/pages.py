"""A browser with pages of the deployed public API; a module imports the fixtures that it uses."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from local.gateway import Gateway
from local.http_api import HttpGateway
from tests.e2e.conftest import signed
from tools.browser import chromium

TRACKING_ID = "Kiste 9/ö"
PATH = f"/shipments/{quote(TRACKING_ID, safe='')}"
#: Tallinn, Berlin, Lyon; as many hours ago.
SCANS = [
    (30, "pending", 59.437, 24.7536),
    (20, "in_transit", 52.52, 13.405),
    (10, "in_transit", 45.764, 4.8357),
]
#: Seconds since the epoch; an update that a fixture sends again is the same.
STARTED = time.time()
#: As the script has it: the first look, in ms.
FIRST_LOOK = 15_000


@pytest.fixture(scope="module")
def start_browser() -> Iterator[Callable[[], Browser]]:
    with chromium() as start:
        yield start


@pytest.fixture
def browser(start_browser: Callable[[], Browser]) -> Browser:
    """One for all tests, unless it crashes."""
    return start_browser()


@pytest.fixture(scope="module")
def url(public: HttpGateway, gateway: Gateway) -> str:
    """The public API, after the signed one has been told of a shipment."""
    for scan in SCANS:
        post(gateway, TRACKING_ID, *scan)
    return public.url


@pytest.fixture(scope="module")
def two_pages(gateway: Gateway) -> None:
    """The shipment "long" has more updates than a page shows."""
    for index in range(11):
        post(gateway, "long", 20 - index, "in_transit", 52.52, 13.405)


def post(gateway: Gateway, tracking_id: str, hours: float, status: str, lat: float, lng: float) -> None:
    update = {
        "tracking_id": tracking_id,
        "status": status,
        "location": {"lat": lat, "lng": lng},
        "timestamp": int((STARTED - hours * 3600) * 1000),
        "metadata": {"recipient": "SECRET"},
    }
    answer = signed("POST", f"{gateway.url}/track", json=update)
    assert answer.status_code == 200, answer.text


@contextmanager
def opened(browser: Browser, url: str, *, failing: str | None = None, **options: Any) -> Iterator[Page]:
    """A page in a browser without a past, which must have nothing to complain of and ask no other origin.

    `failing` stands in the complaints that are expected, `options` are those of a browser context.
    """
    complaints: list[str] = []
    context = browser.new_context(**{"locale": "en-GB", "timezone_id": "Asia/Tokyo", **options})
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    origins: set[str] = set()
    page.on(
        "request", lambda request: origins.add(urlsplit(request.url)._replace(path="", query="").geturl())
    )
    page.clock.install()
    page.goto(url)
    yield page
    assert [text for text in complaints if failing is None or failing not in text] == []
    assert {origin for origin in origins if not origin.startswith("data:")} == {
        urlsplit(url)._replace(path="", query="").geturl()
    }
    context.close()
