"""A shipment on its way across Europe, whose last scans arrive while somebody looks at it, and one that is stalled."""

import json
import time
from threading import Event
from typing import NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from local.aws import CREDENTIALS

TRACKING_ID, STALLED_ID = "DEMO-1", "DEMO-2"
#: Seconds before the next of the scans that arrive later.
PAUSE = 15.0
#: How often an update is sent that the API's rate limit refuses.
TRIES = 5


class Scan(NamedTuple):
    """What a carrier saw, so many hours ago."""

    hours: float
    status: str
    lat: float
    lng: float
    reason: str | None = None
    tracking_id: str = TRACKING_ID


#: Tallinn, Riga, Warsaw, Berlin, Lyon.
PAST = [
    Scan(61, "pending", 59.437, 24.7536, "label_created"),
    Scan(55, "in_transit", 56.9496, 24.1052, "picked_up"),
    Scan(44, "in_transit", 52.2297, 21.0122, "arrived_at_facility"),
    Scan(35, "in_transit", 52.52, 13.405, "weather_delay"),
    Scan(20, "in_transit", 45.764, 4.8357, "departed_facility"),
]
#: Zaragoza, Madrid, Lisbon. Scanners report when they are back in reach of a network.
LATE = [
    Scan(10, "in_transit", 41.6488, -0.8891, "arrived_at_facility"),
    Scan(5, "in_transit", 40.4168, -3.7038, "out_for_delivery"),
    Scan(0, "delivered", 38.7223, -9.1393, "delivered_to_recipient"),
]
#: Hours from now on in which the carrier expects to deliver it.
WINDOW = (2, 6)
REFERENCE = "ORDER-77"

#: Vienna, and then nothing for longer than a shipment in transit may be silent.
STALLED = Scan(50, "in_transit", 48.2082, 16.3738, STALLED_ID)


class DemoError(Exception):
    """The API did not store a scan; the message says what it answered."""


def post_past(url: str, region: str) -> None:
    """Stores what is known of the shipment, through the signed API at `url`. Raises DemoError."""
    for scan in PAST:
        _post(url, region, scan)


def post_late(url: str, region: str, stopped: Event) -> None:
    """Stores the other shipment and the rest, each scan after PAUSE seconds, until `stopped`. Raises DemoError."""
    for scan in (STALLED, *LATE):
        if stopped.wait(PAUSE):
            return
        _post(url, region, scan)


def _post(url: str, region: str, scan: Scan) -> None:
    now = time.time()
    start, end = (int((now + hours * 3600) * 1000) for hours in WINDOW)
    update = {
        "tracking_id": scan.tracking_id,
        "status": scan.status,
        "location": {"lat": scan.lat, "lng": scan.lng},
        "timestamp": int((now - scan.hours * 3600) * 1000),
        **({"reason": scan.reason} if scan.reason else {}),
        "references": [REFERENCE],
        "estimated_delivery": {"from": start, "to": end},
    }
    for _ in range(TRIES):
        headers = {"Content-Type": "application/json"}
        request = AWSRequest("POST", f"{url}/track", headers, json.dumps(update))
        SigV4Auth(Credentials(*CREDENTIALS.values()), "execute-api", region).add_auth(request)
        answer = URLLib3Session().send(request.prepare())
        if answer.status_code != 429:
            break
        time.sleep(float(answer.headers.get("Retry-After", 1)))
    if answer.status_code != 200:
        raise DemoError(f"The demo shipment was not stored: {answer.status_code} {answer.text}")
