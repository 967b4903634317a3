"""The customer's page while somebody looks at it: it updates itself."""

import re

import pytest
from playwright.sync_api import Browser, expect

from local.gateway import Gateway
from public import texts
from public.page import failure, headers
from tests.e2e.pages import FIRST_LOOK, PATH, browser, opened, post, start_browser, two_pages, url

#: Fixtures.
__all__ = ["browser", "start_browser", "two_pages", "url"]


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
