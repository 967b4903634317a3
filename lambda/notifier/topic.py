"""The notifications, and the SNS topic that they go to."""

import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import contract
from notifier.changes import Change
from places.gazetteer import location_of
from web import exact_json

#: The most that PublishBatch takes.
BATCH = 10

#: Notifications that are remembered, so that a batch that is retried here sends nothing twice.
_REMEMBERED = 10_000


class Refused(Exception):
    """SNS does not take a notification; `permanent` if it never will."""

    def __init__(self, code: str, *, permanent: bool) -> None:
        super().__init__(code)
        self.permanent = permanent


class Topic:
    """Publishes changes; for one thread at a time."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn
        self._sent: OrderedDict[str, None] = OrderedDict()

    def publish(self, changes: Sequence[Change]) -> dict[str, Refused]:
        """Send up to 10 notifications in one call; returns those that SNS refused, by the id of the change.

        What this object has sent before is not sent again. Raises botocore's errors.
        """
        waiting = {change.id: change for change in changes if change.id not in self._sent}
        if not waiting:
            return {}
        response = self._client.publish_batch(
            TopicArn=self._arn,
            PublishBatchRequestEntries=[
                {"Id": str(index), **_message(change)} for index, change in enumerate(waiting.values())
            ],
        )
        ids = list(waiting)
        refused = {
            ids[int(entry["Id"])]: Refused(entry["Code"], permanent=entry["SenderFault"])
            for entry in response.get("Failed", [])
        }
        self._sent |= dict.fromkeys(id for id in ids if id not in refused)
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)
        return refused


def _message(change: Change) -> dict[str, Any]:
    shipment = change.shipment
    body = {
        "deduplication_id": change.id,
        "event": change.event,
        "tracking_id": shipment.tracking_id,
        "version": change.version,
        "status": shipment.status,
        "previous_status": change.previous,
        "timestamp": shipment.last_update,
        "location": location_of(vars(shipment)),
        "place": shipment.place,
        "reason": shipment.reason,
        "carrier": shipment.carrier,
        "estimated_delivery": shipment.estimated_delivery,
    }
    attributes = {name: body[name] for name in ("event", "tracking_id", "status", "deduplication_id")}
    if change.previous:
        attributes["previous_status"] = change.previous
    news = shipment.status if change.event == contract.STATUS_CHANGED else change.event
    return {
        # SNS takes less than 100 characters.
        "Subject": f"{_words(news).capitalize()}: shipment {shipment.tracking_id}"[:99],
        "MessageStructure": "json",
        "Message": json.dumps({"default": exact_json.dumps(body), "email": sentence(body)}),
        "MessageAttributes": {
            "version": {"DataType": "Number", "StringValue": str(change.version)},
            **{name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
        },
    }


def sentence(notification: dict[str, Any]) -> str:
    """What a person reads for the JSON body of a notification."""
    seen = _utc(notification["timestamp"])
    shipment, status = f"shipment {notification['tracking_id']}", _words(notification["status"])
    match notification["event"]:
        case contract.STALLED:
            return f"There is no news of {shipment} since {seen}; its status is {status}."
        case contract.OVERDUE:
            return (
                f"The estimated delivery of {shipment} has passed; its status is {status}, last seen {seen}."
            )
        case contract.MOVING_AGAIN:
            return f"There is news of {shipment} again, of {seen}; its status is {status}."
        case contract.ESTIMATE_CHANGED:
            estimate = notification["estimated_delivery"]
            ends = estimate.values() if isinstance(estimate, dict) else [estimate]
            times = " to ".join(_utc(end) for end in sorted(ends))
            return f"The estimated delivery of {shipment} is {times}; its status is {status}."
    before, reason = notification["previous_status"], notification["reason"]
    return (
        f"The status of {shipment} is {status}{f' ({_words(reason)})' if reason else ''} since {seen}"
        f"{f', and was {_words(before)} before' if before else ''}."
    )


def _utc(timestamp: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(timestamp / 1000))


def _words(status: str) -> str:
    return status.replace("_", " ")
