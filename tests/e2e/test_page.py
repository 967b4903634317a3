"""The customer's page of the deployed public API, in a real browser."""

import time
from collections.abc import Callable
from urllib.parse import quote

import boto3
import pytest
from playwright.sync_api import Browser, Error, expect

from main import ROOT
from tests.e2e.pages import PATH, TRACKING_ID, browser, opened, start_browser, two_pages, url

#: Fixtures.
__all__ = ["browser", "start_browser", "two_pages", "url"]

PHONE = {"viewport": {"width": 320, "height": 640}}


def test_after_a_crash_there_is_another_browser(start_browser: Callable[[], Browser]) -> None:
    crashed = start_browser()
    with pytest.raises(Error, match="closed"):
        crashed.new_browser_cdp_session().send("Browser.crash")
    page = start_browser().new_page()
    page.set_content("<h1>Text, which needs a font</h1>")
    expect(page.get_by_role("heading")).to_be_visible()
    page.close()


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
