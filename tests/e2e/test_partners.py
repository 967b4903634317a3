"""The partners' API, deployed by the real tools and asked over HTTP."""

import base64
import json
import uuid

import pytest
import requests

from local.gateway import Gateway
from local.http_api import HttpGateway
from local.partner import KEY, SOURCE, send
from tests.e2e.conftest import signed
from tests.senders import sign


@pytest.fixture(scope="module")
def url(partners: HttpGateway) -> str:
    return f"{partners.url}/inbound/{SOURCE}"


def test_a_signed_message_is_an_update_that_the_signed_api_shows(url: str, gateway: Gateway) -> None:
    tracking_id = f"PARTNER-{uuid.uuid4()}"
    update = {"tracking_id": tracking_id, "status": "delivered", "place": {"city": "Wien", "country": "AT"}}
    body = json.dumps({**update, "timestamp": 1_700_000_000_000}, ensure_ascii=False).encode()
    headers = sign(body, secret=f"whsec_{base64.b64encode(KEY).decode()}")
    for _ in range(2):
        answer = requests.post(url, body, headers=headers | {"Content-Type": "application/json"}, timeout=30)
        assert (answer.status_code, answer.json()) == (202, {"stored": 1, "kept": 0})
    history = signed("GET", f"{gateway.url}/status?tracking_id={tracking_id}").json()
    (stored,) = history["updates"]
    assert {name: stored[name] for name in update} == update


def test_who_does_not_prove_itself_is_refused(url: str) -> None:
    answer = requests.post(url, "{}", headers={"Content-Type": "application/json"}, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.json()["request_id"] == answer.headers["apigw-requestid"]
    assert requests.post(f"{url}-2", "{}", timeout=30).status_code == 404
    assert requests.get(url, timeout=30).json() == {"message": "Not Found"}


def test_the_command_of_make_up(url: str) -> None:
    assert send(url, b"[]") == '202 {"stored": 0, "kept": 1}'
