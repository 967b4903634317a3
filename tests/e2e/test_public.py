"""The public API, deployed by the real tools and asked over HTTP."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import boto3
import pytest
import requests

from local.gateway import Gateway
from local.http_api import HttpGateway
from tests.e2e.conftest import Deployment, serve_public, signed

SHOP = {"Origin": "https://shop.example"}
TRACKING_ID = "Kiste 7/ä%"
PATH = "/shipments/Kiste%207%2F%C3%A4%25"


@pytest.fixture(scope="module")
def url(public: HttpGateway, gateway: Gateway) -> str:
    """The public API, after the signed one has been told of a shipment."""
    for status, lat, lng in (("pending", 52.5163, 13.3777), ("in_transit", 48.8584, 2.2945)):
        update = {"tracking_id": TRACKING_ID, "status": status, "location": {"lat": lat, "lng": lng}}
        stored = signed("POST", f"{gateway.url}/track", json={**update, "metadata": {"recipient": "SECRET"}})
        assert stored.status_code == 200, stored.text
    return public.url


def ask(method: str, url: str, **options: Any) -> requests.Response:
    return requests.request(method, url, timeout=30, allow_redirects=False, **options)


@pytest.mark.parametrize(
    ("method", "path", "members"),
    [
        ("GET", "/", "status environment region timestamp"),
        ("GET", "/health", "status environment region timestamp"),
        ("GET", "/info", "service version environment region timestamp"),
        ("DELETE", "/any/path", "message path timestamp"),
    ],
)
def test_an_answer_without_a_shipment(url: str, method: str, path: str, members: str) -> None:
    answer = ask(method, url + path)
    assert answer.status_code == 200
    assert answer.json().keys() == {*members.split()}
    assert datetime.fromisoformat(answer.json()["timestamp"])
    known = {"status": "healthy", "environment": "dev", "region": "us-east-1", "path": path}
    assert not [name for name in answer.json().keys() & known.keys() if answer.json()[name] != known[name]]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("media", ["application/json", "application/octet-stream"])
def test_post_and_put(url: str, method: str, media: str) -> None:
    body = '{"ä": [1.50, null]}'
    answer = ask(method, f"{url}/any/path", data=body.encode(), headers={"Content-Type": media})
    assert answer.status_code == 200
    assert answer.json().keys() == {"message", "path", "data", "timestamp"}
    assert (answer.json()["path"], answer.json()["data"]) == ("/any/path", json.loads(body))
    wrong = ask(method, f"{url}/any/path", data="{", headers={"Content-Type": media})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "Invalid JSON in request body")


def test_options_is_answered_by_the_gateway(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    answer = ask("OPTIONS", f"{url}/x", headers={**SHOP, "Access-Control-Request-Method": "PUT"})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "*"
    assert answer.headers["Access-Control-Allow-Headers"] == "*"
    assert answer.headers["Access-Control-Max-Age"] == "300"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "START RequestId" not in capfd.readouterr().out, "the function was asked"


def test_another_sites_script_may_read_every_answer(url: str) -> None:
    for path in ("/", PATH, "/nowhere"):
        answer = ask("GET", url + path, headers=SHOP)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Expose-Headers"] == "*"


@pytest.mark.parametrize(
    ("method", "path", "status", "error", "code"),
    [
        ("GET", "/nowhere", 404, "Endpoint not found", "not_found"),
        ("PATCH", "/", 405, "Method not allowed", "method_not_allowed"),
        ("GET", "/shipments/nobody", 404, "There is no shipment with this tracking id", "not_found"),
    ],
)
def test_errors_have_the_one_shape(
    url: str, method: str, path: str, status: int, error: str, code: str
) -> None:
    answer = ask(method, url + path)
    assert answer.status_code == status
    request_id = answer.headers["apigw-requestid"]
    assert answer.json() == {"error": error, "code": code, "request_id": request_id, "errors": []}
    assert ("Allow" in answer.headers) is (status == 405)


def test_a_shipment_as_strangers_see_it(url: str) -> None:
    answer = ask("GET", url + PATH)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["tracking_id"], body["status"], body["count"]) == (TRACKING_ID, "in_transit", 2)
    assert [update["location"] for update in body["updates"]] == [
        {"lat": 48.86, "lng": 2.29},
        {"lat": 52.52, "lng": 13.38},
    ]
    assert "SECRET" not in answer.text
    unchanged = ask("GET", url + PATH, headers={"If-None-Match": answer.headers["ETag"]})
    assert (unchanged.status_code, unchanged.text) == (304, "")
    head = ask("HEAD", url + PATH)
    assert (head.status_code, head.headers["ETag"]) == (200, answer.headers["ETag"])


@pytest.fixture
def limited(deployment: Deployment) -> Iterator[str]:
    """The API with 10 requests a second and 10 at once, for which any machine is too fast."""
    client = boto3.client("apigatewayv2")
    (api,) = (item["ApiId"] for item in client.get_apis()["Items"] if item["Name"] == "tracking-public-dev")
    stage = client.get_stage(ApiId=api, StageName="$default")
    deployed = {name: stage[name] for name in ("AutoDeploy", "AccessLogSettings", "DefaultRouteSettings")}
    limits = {"ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 10}

    def replace(settings: dict[str, Any]) -> None:  # the emulator cannot update a stage
        client.delete_stage(ApiId=api, StageName="$default")
        client.create_stage(ApiId=api, StageName="$default", **settings)

    replace({**deployed, "DefaultRouteSettings": limits})
    with serve_public(deployment) as served:
        yield served.url
    replace(deployed)


@pytest.mark.usefixtures("url")
def test_under_load_what_is_too_much_is_throttled_and_nothing_fails(limited: str) -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: ask("GET", limited + PATH), range(400)))
    seconds = time.monotonic() - started
    statuses = Counter(answer.status_code for answer in answers)
    print(f"Answers in {seconds:.1f} s: {dict(statuses)}")
    assert statuses.keys() == {200, 429}
    assert 10 <= statuses[200] <= 10 + 10 * seconds + 1
    # An HTTP API cannot be told to say it in another way.
    assert {answer.text for answer in answers if answer.status_code == 429} == {
        '{"message": "Too Many Requests"}'
    }
    time.sleep(0.5)
    assert ask("GET", limited + PATH).status_code == 200
