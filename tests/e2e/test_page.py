"""The customer's page of the deployed public API, in a real browser."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
import pytest
from playwright.sync_api import Browser, Error, Page, expect
from werkzeug.wrappers import Response

from local.gateway import Gateway
from local.http_api import HttpGateway
from local.server import Server
from main import ROOT
from public import texts
from public.page import failure, headers
from tests.e2e.conftest import Deployment, serve_public, signed
from tools.browser import chromium

TRACKING_ID = "Kiste 9/ö"
PATH = f"/shipments/{quote(TRACKING_ID, safe='')}"
PHONE = {"viewport": {"width": 320, "height": 640}}
#: Tallinn, Berlin, Lyon; as many hours ago.
SCANS = [
    (30, "pending", 59.437, 24.7536),
    (20, "in_transit", 52.52, 13.405),
    (10, "in_transit", 45.764, 4.8357),
]
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


def test_after_a_crash_there_is_another_browser(start_browser: Callable[[], Browser]) -> None:
    crashed = start_browser()
    with pytest.raises(Error, match="closed"):
        crashed.new_browser_cdp_session().send("Browser.crash")
    page = start_browser().new_page()
    page.set_content("<h1>Text, which needs a font</h1>")
    expect(page.get_by_role("heading")).to_be_visible()
    page.close()


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
        "timestamp": int((time.time() - hours * 3600) * 1000),
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


def test_a_customer_sees_where_the_shipment_is(browser: Browser, url: str) -> None:
    with opened(browser, url + PATH) as page:
        assert page.title() == f"In transit · {TRACKING_ID}"
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Shipment {TRACKING_ID} In transit")
        expect(page.get_by_role("list", name="Progress").locator("[aria-current=step]")).to_have_text(
            "In transit"
        )
        expect(page.locator(".map")).to_have_accessible_name(
            "Map. Start: Near Tallinn. Newest position: Near Lyon."
        )
        history = page.locator(".history li")
        assert [item.split("\n")[0] for item in history.all_inner_texts()] == [
            "In transit",
            "In transit",
            "Registered",
        ]
        assert [item.split("\n")[-1] for item in history.all_inner_texts()] == [
            "Near Lyon",
            "Near Berlin",
            "Near Tallinn",
        ]
        assert "SECRET" not in page.content()


def test_the_map_shows_the_way_and_the_last_position(browser: Browser, url: str) -> None:
    with opened(browser, url + PATH) as page:
        frame, last = (page.locator(name).bounding_box() for name in (".map", ".last"))
        (tallinn, berlin) = (stop.bounding_box() for stop in page.locator(".stop").all())
        assert frame
        assert last
        assert berlin
        assert tallinn
        assert frame["x"] < last["x"] < berlin["x"] < tallinn["x"] < frame["x"] + frame["width"]
        assert frame["y"] < tallinn["y"] < berlin["y"] < last["y"] < frame["y"] + frame["height"]
        route = page.locator(".route").bounding_box()
        assert route
        assert route["width"] == pytest.approx(tallinn["x"] - last["x"], abs=5)


def test_times_are_those_of_the_customer(browser: Browser, url: str) -> None:
    for zone, hours in (("Asia/Tokyo", 9), ("America/Phoenix", -7)):
        with opened(browser, url + PATH, timezone_id=zone) as page:
            shown = page.locator(".history time").first
            utc = page.evaluate("time => Date.parse(time.dateTime)", shown.element_handle())
            there = time.gmtime(utc / 1000 + hours * 3600)
            assert shown.inner_text() == f"{there.tm_mday} {time.strftime('%b %Y, %H:%M', there)}"


def test_it_updates_itself(browser: Browser, url: str, gateway: Gateway) -> None:
    post(gateway, "live", 2, "in_transit", 52.52, 13.405)
    with opened(browser, f"{url}/shipments/live") as page:
        page.evaluate("window.unloaded = false")
        search = page.get_by_role("searchbox").or_(page.get_by_label("Tracking number"))
        search.fill("typing")
        with page.expect_response("**/shipments/live") as unchanged:
            page.clock.run_for(FIRST_LOOK)
        assert unchanged.value.ok
        assert "if-none-match" in unchanged.value.request.all_headers()
        expect(page.get_by_role("status")).to_be_empty()
        post(gateway, "live", 0, "delivered", 38.7223, -9.1393)
        page.clock.run_for(FIRST_LOOK)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Delivered")
        expect(page.get_by_role("status")).to_have_text(
            re.compile(r"^Shipment live Delivered Near Lisbon, \d+ \w+ \d{4}, \d\d:\d\d$")
        )
        expect(page.locator(".history li")).to_have_count(2)
        expect(page.locator("[aria-current=step]")).to_have_text("Delivered")
        assert page.title() == "Delivered · live"
        expect(page.locator(".history time").first).to_have_text(re.compile(r"^\d+ \w+ \d{4}, \d\d:\d\d$"))
        expect(search).to_be_focused()
        expect(search).to_have_value("typing")
        assert page.evaluate("window.unloaded") is False


@pytest.mark.usefixtures("two_pages")
def test_it_keeps_the_focus_where_it_was(browser: Browser, url: str, gateway: Gateway) -> None:
    with opened(browser, f"{url}/shipments/long") as page:
        earlier = page.get_by_role("link", name="Earlier updates")
        earlier.focus()
        post(gateway, "long", 0, "delivered", 52.52, 13.405)
        page.clock.run_for(FIRST_LOOK)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Delivered")
        expect(earlier).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".history li")).to_have_count(2)
        page.get_by_role("link", name="Latest updates").click()
        expect(page.locator(".history li")).to_have_count(10)


def test_an_unknown_shipment_appears_with_its_first_scan(
    browser: Browser, url: str, gateway: Gateway
) -> None:
    with opened(browser, f"{url}/shipments/new", failing="404") as page:
        expect(page.get_by_role("heading", level=1)).to_contain_text("Nothing is known")
        post(gateway, "new", 0, "pending", 52.52, 13.405)
        page.clock.run_for(FIRST_LOOK)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Registered")


def test_it_says_when_it_is_behind_and_catches_up(browser: Browser, url: str, gateway: Gateway) -> None:
    post(gateway, "tunnel", 2, "in_transit", 52.52, 13.405)
    with opened(browser, f"{url}/shipments/tunnel", failing="ERR_INTERNET_DISCONNECTED") as page:
        note = page.locator(".note")
        expect(note).to_have_text(texts.LIVE)
        page.context.set_offline(True)
        page.clock.run_for(FIRST_LOOK)
        expect(note).to_have_text(texts.STALE)
        # Both long before the next look.
        page.context.set_offline(False)
        expect(note).to_have_text(texts.LIVE)
        page.context.set_offline(True)
        post(gateway, "tunnel", 0, "delivered", 38.7223, -9.1393)
        page.context.set_offline(False)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Delivered")
        expect(note).to_have_text(texts.LIVE)


def test_a_page_that_failed_becomes_the_shipment(browser: Browser, url: str) -> None:
    with opened(browser, url + PATH, failing="503") as page:
        page.route(
            f"**{PATH}",
            lambda route: route.fulfill(
                status=503, headers={"Content-Type": "text/html", **headers()}, body=failure()
            ),
        )
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text(texts.FAILURE)
        page.unroute(f"**{PATH}")
        page.clock.run_for(FIRST_LOOK)
        expect(page.get_by_role("heading", level=1)).to_contain_text("In transit")
        expect(page.get_by_role("status")).to_contain_text("In transit")


def test_it_looks_only_while_somebody_can_see_it(browser: Browser, url: str) -> None:
    with opened(browser, url + PATH) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        hide = """hidden => {
            Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
        page.evaluate(hide, True)
        page.clock.run_for(20 * FIRST_LOOK)
        assert asked == []
        with page.expect_response(f"**{PATH}", timeout=5000):
            page.evaluate(hide, False)


def test_it_looks_less_often_while_it_fails(browser: Browser, url: str) -> None:
    with opened(browser, url + PATH, failing="ERR_FAILED") as page:
        asked: list[str] = []
        page.on("requestfailed", lambda request: asked.append(request.url))
        page.route("**", lambda route: route.abort())
        for count, pause in enumerate((1, 2, 4, 8), start=1):
            page.clock.run_for(pause * FIRST_LOOK * 6 // 10)
            assert len(asked) == count - 1
            with page.expect_event("requestfailed"):
                page.clock.run_for(pause * FIRST_LOOK * 4 // 10)
        expect(page.get_by_role("heading", level=1)).to_contain_text("In transit")


@pytest.mark.parametrize("path", ["/", PATH, "/shipments/nobody", f"/shipments/{'W' * 100}"])
def test_a_phone_shows_it_without_scrolling_sideways(browser: Browser, url: str, path: str) -> None:
    with opened(browser, url + path, failing="404", **PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        for box in (part.bounding_box() for part in page.locator("input, button, nav a").all()):
            assert box
            assert box["height"] >= 24, "WCAG 2.2, 2.5.8"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", PATH, "/shipments/nobody"])
def test_axe_finds_nothing(browser: Browser, url: str, path: str, scheme: str) -> None:
    with opened(browser, url + path, failing="404", color_scheme=scheme) as page:
        page.evaluate((ROOT / "node_modules/axe-core/axe.min.js").read_text("utf-8"))
        found = page.evaluate("axe.run()")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
        assert len(found["passes"]) > 10


def test_dark_is_dark(browser: Browser, url: str) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        with opened(browser, url + PATH, color_scheme=scheme) as page:
            for part, name in (("html", "backgroundColor"), ("body", "color"), (".land", "fill")):
                color = page.locator(part).evaluate(f"part => getComputedStyle(part).{name}")
                brightness[scheme, part] = sum(
                    map(int, color.removeprefix("rgb(").removesuffix(")").split(","))
                )
    assert brightness["light", "html"] > 600 > 150 > brightness["dark", "html"]
    assert brightness["light", "body"] < 150 < 600 < brightness["dark", "body"]
    assert brightness["light", ".land"] > 600 > 300 > brightness["dark", ".land"]


def test_nothing_moves_for_those_who_do_not_want_it(browser: Browser, url: str) -> None:
    for motion, running in (("no-preference", 1), ("reduce", 0)):
        with opened(browser, url + PATH, reduced_motion=motion) as page:
            assert page.evaluate("document.getAnimations().length") == running


def test_the_keyboard_is_enough(browser: Browser, url: str) -> None:
    with opened(browser, f"{url}/") as page:
        names = []
        for _ in range(3):
            page.keyboard.press("Tab")
            names.append(page.evaluate("document.activeElement.textContent || document.activeElement.name"))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
            assert outline == "3px"
        assert names == ["Shipment tracking", "tracking_id", "Track"]
        page.keyboard.press("Shift+Tab")
        page.keyboard.type(TRACKING_ID)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{PATH}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("In transit")


@pytest.mark.usefixtures("two_pages")
def test_the_essentials_need_no_script(browser: Browser, url: str) -> None:
    with opened(browser, f"{url}/", java_script_enabled=False) as page:
        page.get_by_label("Tracking number").fill("long")
        page.get_by_role("button", name="Track").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Shipment long")
        expect(page.locator(".last")).to_be_visible()
        expect(page.get_by_text("Times are in UTC.")).to_be_visible()
        expect(page.locator(".history time").first).to_have_text(
            str(page.locator(".history time").first.get_attribute("datetime"))[:16].replace("T", " ")
        )
        page.get_by_role("link", name="Earlier updates").click()
        expect(page.get_by_role("link", name="Latest updates")).to_be_visible()
        assert page.locator(".history li").count() in (1, 2), (
            "as the shipment has been updated before, or not"
        )


def test_a_script_in_the_data_never_runs(browser: Browser, url: str) -> None:
    attack = "\"'><script>alert(1)</script><img src=x onerror=alert(2)><svg/onload=alert(3)>"
    boto3.client("dynamodb").put_item(
        TableName="tracking-data-dev",
        Item={
            "tracking_id": {"S": attack},
            "timestamp": {"N": "1780328400000"},
            "status": {"S": attack},
            "location": {"M": {"lat": {"N": "1"}, "lng": {"N": "1"}}},
            "environment": {"S": "dev"},
            "created_at": {"S": attack},
            "metadata": {"M": {attack: {"S": attack}}},
        },
    )
    address = f"{url}/shipments/{quote(attack, safe='')}"
    with opened(browser, address, failing="Content Security Policy") as page:
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Shipment {attack} {attack}")
        expect(page.locator(".history b")).to_have_text(attack)
        assert page.locator("main script, main img").count() == 0
        # What would be left of the defence if something were not escaped.
        page.evaluate("document.querySelector('main').innerHTML = '<b>changed</b>'")
        blocked = page.evaluate(
            """() => new Promise(resolve => {
                document.addEventListener("securitypolicyviolation", event => resolve(event.effectiveDirective));
                const script = document.createElement("script");
                script.textContent = "window.ran = true";
                document.body.append(script);
            })"""
        )
        assert blocked == "script-src-elem"
        assert page.evaluate("window.ran") is None


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """Another site."""
    with Server(Response("<!doctype html><title>Shop</title>", content_type="text/html")) as served:
        yield served.url


#: With a header that the browser asks leave for before it sends it.
FETCH = """([url, method]) =>
    fetch(url, { method, headers: { "X-Shop": "1" }, body: method === "GET" ? undefined : "{}" })
        .then(async answer => [answer.status, answer.headers.get("ETag") !== null, await answer.json()])
        .catch(error => error.name)"""


@contextmanager
def on_site(browser: Browser, site: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(site)
    yield page
    page.close()


def test_another_site_reads_it(browser: Browser, url: str, shop: str) -> None:
    with on_site(browser, shop) as page:
        status, has_etag, body = page.evaluate(FETCH, [url + PATH, "GET"])
        assert (status, has_etag, body["tracking_id"], body["count"]) == (200, True, TRACKING_ID, 3)
        status, _, body = page.evaluate(FETCH, [f"{url}/x", "PUT"])
        assert (status, body["data"]) == (200, {})
        status, _, body = page.evaluate(FETCH, [f"{url}/shipments/nobody", "GET"])
        assert (status, body["code"]) == (404, "not_found")


def test_a_site_that_is_not_among_the_allowed_origins_reads_nothing(
    browser: Browser, deployment: Deployment, url: str, shop: str
) -> None:
    gateway = boto3.client("apigatewayv2")
    (api,) = (one for one in gateway.get_apis()["Items"] if one["Name"] == "tracking-public-dev")
    restricted = {**api["CorsConfiguration"], "AllowOrigins": [shop]}
    gateway.update_api(ApiId=api["ApiId"], CorsConfiguration=restricted)
    try:
        with (
            serve_public(deployment) as served,
            Server(Response("<!doctype html><title>Stranger</title>", content_type="text/html")) as stranger,
        ):
            for site, allowed in ((shop, True), (stranger.url, False)):
                for method, path in (("GET", PATH), ("PUT", "/x")):
                    with on_site(browser, site) as page:
                        answer = page.evaluate(FETCH, [served.url + path, method])
                        assert (answer[0] == 200) is allowed, answer
                        assert (answer == "TypeError") is not allowed
    finally:
        gateway.update_api(ApiId=api["ApiId"], CorsConfiguration=api["CorsConfiguration"])
