"""The public API from scripts of other sites, in a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from playwright.sync_api import Browser, Page
from werkzeug.wrappers import Response

from local.server import Server
from tests.e2e.conftest import Deployment, serve_public
from tests.e2e.pages import PATH, TRACKING_ID, browser, start_browser, url

#: Fixtures.
__all__ = ["browser", "start_browser", "url"]


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
