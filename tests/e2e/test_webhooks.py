"""Webhooks, deployed by the real tools: from an update that is posted to a request that the library takes."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from local.gateway import Gateway
from local.http_api import HttpGateway
from tests.e2e.conftest import signed
from tests.outbound import Receiver, receiving
from tests.stream_functions import eventually


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def call(partners: HttpGateway, method: str, path: str, **options: Any) -> Any:
    answer = signed(method, f"{partners.url}{path}", **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.usefixtures("stream", "queues")
def test_an_update_is_told_to_a_webhook_and_a_feed(
    partners: HttpGateway, gateway: Gateway, receiver: Receiver
) -> None:
    tracking_id = f"HOOK-{uuid.uuid4()}"
    hook = call(partners, "POST", "/webhooks", json={"url": receiver.url, "carriers": [tracking_id[:50]]})
    feed = call(partners, "POST", "/webhooks", json={"carriers": [tracking_id[:50]]})
    try:
        update = {
            "tracking_id": tracking_id,
            "status": "in_transit",
            "place": {"city": "Riga", "country": "LV"},
        }
        posted = signed("POST", f"{gateway.url}/track", json={**update, "carrier": tracking_id[:50]})
        assert posted.status_code == 200
        eventually(lambda: bool(receiver.requests), seconds=30)
        (request,) = receiver.requests
        headers = {name.lower(): value for name, value in request.headers.items()}
        told: Any = Webhook(hook["secret"]).verify(request.body, headers)
        assert (told["tracking_id"], told["event"], told["status"]) == (
            tracking_id,
            "status_changed",
            "in_transit",
        )
        path = f"/webhooks/{hook['id']}/deliveries"
        eventually(lambda: call(partners, "GET", path)["deliveries"][0]["state"] == "delivered")
        (delivery,) = call(partners, "GET", path)["deliveries"]
        assert (delivery["id"], delivery["status"]) == (told["deduplication_id"], 200)
        bearer = {"Authorization": f"Bearer {feed['token']}"}
        read = requests.get(f"{partners.url}/changes?after=0", headers=bearer, timeout=30).json()
        assert read == {"changes": [{"sequence": 1, "message": told}], "next_after": 1}
    finally:
        for id in (hook["id"], feed["id"]):
            call(partners, "DELETE", f"/webhooks/{id}")


def test_routes_are_signed_but_for_the_feed(partners: HttpGateway) -> None:
    for method, path in (("GET", "/webhooks"), ("POST", "/webhooks"), ("DELETE", "/webhooks/x")):
        answer = requests.request(method, f"{partners.url}{path}", timeout=30)
        assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
    refused = requests.get(f"{partners.url}/changes", timeout=30)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert signed("GET", f"{partners.url}/webhooks/x").status_code == 404
    assert (
        signed("POST", f"{partners.url}/webhooks", json={"url": "https://169.254.169.254/"}).status_code
        == 400
    )
