"""The messages, as a webhook gets them."""

import time
from typing import Any, Final, NamedTuple

from outbound.webhook import CLOUDEVENTS
from web import exact_json

#: Of a message that is sent on demand, to see whether it arrives.
TEST: Final = "test"


class Message(NamedTuple):
    """What a webhook is told, in its format."""

    id: str
    """Of the notification, so it stays the same however often that is sent."""
    event: str
    body: str


def render(notification: dict[str, Any], kind: str, environment: str) -> Message:
    """The message of a notification, for webhooks of the format `kind`."""
    id, event = notification["deduplication_id"], notification["event"]
    if kind == CLOUDEVENTS:
        milliseconds = notification["timestamp"]
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
        notification = {
            "specversion": "1.0",
            "id": id,
            "source": f"urn:shipment-tracking:{environment}",
            "type": f"shipment.{event}",
            "subject": notification["tracking_id"],
            "time": f"{second}.{milliseconds % 1000:03}Z",
            "datacontenttype": "application/json",
            "data": notification,
        }
    return Message(id, event, exact_json.dumps(notification))


def sample(id: str, now: int) -> dict[str, Any]:
    """A notification of no shipment."""
    return {
        "deduplication_id": id,
        "event": TEST,
        "tracking_id": "TEST",
        "version": now,
        "status": "in_transit",
        "previous_status": "pending",
        "timestamp": now,
        "location": None,
        "place": None,
        "reason": None,
        "carrier": None,
        "estimated_delivery": None,
    }
