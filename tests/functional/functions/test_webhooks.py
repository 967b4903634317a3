"""Webhooks from their making to the signed request, with real tables, queues and receivers."""

import json
import subprocess
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

import outbound.secret
from main import ROOT
from tests.manager import Manager, verified
from tests.outbound import Receiver, context, notification, records


def test_a_message_is_delivered_signed_and_logged(manager: Manager, receiver: Receiver) -> None:
    receiver.text = "thanks" * 1000
    hook = manager.make(url=receiver.url)
    manager.tell(notification())
    assert manager.deliver() == 1
    (request,) = receiver.requests
    assert verified(request, hook["secret"]) == notification()
    assert request.path == "/hook"
    assert request.headers["webhook-id"] == "id-1"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == "shipment-tracking"
    with pytest.raises(WebhookVerificationError):
        verified(request._replace(body=request.body.replace(b"PKG-1", b"PKG-2")), hook["secret"])
    with pytest.raises(WebhookVerificationError):
        verified(request, outbound.secret.make_secret())
    (delivery,) = manager.deliveries(hook["id"])
    assert delivery["attempted_at"] >= delivery["created_at"]
    assert delivery == {
        "sequence": 1,
        "id": "id-1",
        "event": "status_changed",
        "state": "delivered",
        "attempts": 1,
        "status": 200,
        "answer": ("thanks" * 1000)[:1024],
        "error": None,
        "next_attempt": None,
        "created_at": delivery["created_at"],
        "attempted_at": delivery["attempted_at"],
    }
    assert "due" not in manager.outbound.item(hook["id"])


VERIFY = """
const { Webhook } = require("standardwebhooks");
let input = "";
process.stdin.on("data", (part) => (input += part)).on("end", () => {
  const { secret, headers, bodies } = JSON.parse(input);
  const verify = (body) => {
    try {
      return new Webhook(secret).verify(body, headers);
    } catch (error) {
      return error.name;
    }
  };
  console.log(JSON.stringify(bodies.map(verify)));
});
"""


def test_the_library_of_npm_takes_a_message_and_refuses_one_that_was_changed(
    manager: Manager, receiver: Receiver
) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification())
    manager.deliver()
    (request,) = receiver.requests
    body = request.body.decode()
    given = {
        "secret": hook["secret"],
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "bodies": [body, body.replace("PKG-1", "PKG-2")],
    }
    said = subprocess.check_output(["node", "-e", VERIFY], input=json.dumps(given), text=True, cwd=ROOT)
    assert json.loads(said) == [notification(), "WebhookVerificationError"]


def test_numbers_keep_their_digits(manager: Manager, receiver: Receiver) -> None:
    manager.make(url=receiver.url)
    body = json.dumps(notification()).replace("52.52", "52.5200000000000000000001")
    manager.tell(body)
    manager.deliver()
    assert b"52.5200000000000000000001" in receiver.requests[0].body


def test_cloudevents(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url, format="cloudevents")
    manager.tell(notification())
    manager.deliver()
    (request,) = receiver.requests
    assert request.headers["Content-Type"] == "application/cloudevents+json"
    assert verified(request, hook["secret"]) == {
        "specversion": "1.0",
        "id": "id-1",
        "source": "urn:shipment-tracking:test",
        "type": "shipment.status_changed",
        "subject": "PKG-1",
        "time": "2023-11-14T22:13:20.123Z",
        "datacontenttype": "application/json",
        "data": notification(),
    }


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({}, [1, 2, 3, 4]),
        ({"events": ["stalled"]}, [2]),
        ({"events": ["stalled", "status_changed"]}, [1, 2, 3]),
        ({"statuses": ["failed"]}, [3]),
        ({"carriers": ["UPS"]}, [3, 4]),
        ({"carriers": ["UPS"], "events": ["estimate_changed"]}, [4]),
        ({"carriers": ["ups"]}, []),
        ({"state": "disabled"}, []),
    ],
)
def test_a_webhook_is_told_what_it_asks_for(
    manager: Manager, receiver: Receiver, chosen: dict[str, Any], told: list[int]
) -> None:
    manager.make(url=receiver.url, **chosen)
    manager.tell(
        notification(1, carrier=None),
        notification(2, event="stalled"),
        notification(3, carrier="UPS", status="failed"),
        notification(4, carrier="UPS", event="estimate_changed"),
    )
    manager.deliver()
    assert sorted(request.headers["webhook-id"] for request in receiver.requests) == [
        f"id-{number}" for number in told
    ]


def test_what_is_no_notification_fails_alone(manager: Manager) -> None:
    feed = manager.make()
    answer = manager.fanout.handle(
        {"Records": records("{", notification(1), {"event": "odd"}, "[]", notification(2))}, context()
    )
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m-0", "m-2", "m-3"]
    assert len(manager.deliveries(feed["id"])) == 2
