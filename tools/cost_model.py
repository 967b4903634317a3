"""What AWS bills: a row has a formula for the amount, and a price.

The formulas' inputs are the settings, what is synthesized, and the measured and cited figures below.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import ceil
from typing import Any, Final, NamedTuple

from tools.toolchain import ROOT

MILLION: Final = 1_000_000
SECONDS_A_MONTH: Final = 730 * 3600
#: REST API requests in millions a month up to which a million costs so many USD; "Amazon API Gateway pricing".
API_TIERS: Final = ((333, 3.50), (1_000, 2.80), (20_000, 2.38), (float("inf"), 1.51))

#: A typical update. tests/functional/tools/test_cost.py measures the bytes that follow with it: its item in
#: DynamoDB, the answers to its POST and to a GET of ten, and the log lines of both, Lambda's and the API's included.
UPDATE: Final[dict[str, Any]] = {
    "tracking_id": "1Z999AA10123456784",
    "status": "in_transit",
    "location": {"lat": 52.520008, "lng": 13.404954},
    "timestamp": 1764590667876,
    "metadata": {"carrier": "DHL Express", "facility": "BER-1", "scanner": "B7", "weight_kg": 12.5},
}
ITEM, POST_ANSWER, GET_ANSWER, POST_LOG, GET_LOG = 220, 115, 3_259, 1_244, 1_169
#: The log lines of a message of a partner's with such an update.
INBOUND_LOG: Final = 1_159
#: The functions' own metrics: of tracking, of the projector, of the deadlines, of the notifier and of the public
#: function. Each is paid for in the hours in which it is written.
METRICS: Final = 11 + 3 + 4 + 9 + 4
#: Of the functions of webhooks: of the one that answers, of the fan-out and of the one that delivers.
WEBHOOKS_METRICS: Final = 4 + 3 + 13
#: Of the inbound function.
INBOUND_METRICS: Final = 10

#: CPU ms of a warm request on the machine of `make bench`, and updates a second of CPU of projector and notifier.
POST_CPU_MS, GET_CPU_MS, TOLD_A_CPU_SECOND = 0.31, 0.47, 620
#: Of a message of a partner's, which is 0.5 ms more than a POST in the same process of the tests.
INBOUND_CPU_MS: Final = 0.81
#: A function has one processor at 1,769 MB (Lambda developer guide, "Configure Lambda function memory"), and a
#: part of it below. That one is taken to be as fast as the machine of `make bench`.
MB_A_PROCESSOR: Final = 1_769
#: ms that a function waits for DynamoDB: "single-digit millisecond latency".
WAIT_MS: Final = 5
#: Writes of a batch, and queries of the index's shards, that wait for DynamoDB at the same time.
AT_ONCE: Final = 10
#: X-Ray's default rule, without the one request a second ("Configure sampling rules").
TRACED: Final = 0.05
#: What DynamoDB adds to each item that it stores, in the table and in an index ("DynamoDB Item sizes and formats").
OVERHEAD: Final = 100
#: Updates in a batch, of the API's and of the stream's.
BATCH: Final = 100
#: Assumptions: ms that a receiver takes to answer; notifications in a run of the fan-out; bytes of a request with its
#: headers and TLS, and of the log lines of a run.
RECEIVER_MS, FANOUT_GROUP, DELIVERY_BYTES, DELIVERY_LOG = 200, 10, 6_000, 900
#: Assumptions: updates of a shipment until it is delivered, and how often its deadline is put off until then.
UPDATES_A_SHIPMENT: Final = 7
PUT_OFF: Final = 1


@cache
def prices() -> Mapping[str, float]:
    """USD for one unit, by the name of the price."""
    with (ROOT / "docs/prices.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: float(row["usd"]) / int(row["per"]) for row in csv.DictReader(file)}


class Load(NamedTuple):
    """A million updates or reads."""

    memory_mb: int
    web_acl: bool
    batch: int = 1
    """Updates in a request."""
    shards: int = 0
    """Of the index, which a read queries; 0 reads a history from the table."""
    item: int = ITEM
    """Bytes."""

    @property
    def requests(self) -> float:
        return MILLION / self.batch

    def gb_seconds(self, cpu_ms: float, calls: int) -> float:
        """Of an invocation, which is billed by the ms, with so many calls of DynamoDB."""
        waits = ceil(calls / AT_ONCE) * WAIT_MS
        billed_ms = ceil(cpu_ms * max(1, MB_A_PROCESSOR / self.memory_mb) + waits)
        return billed_ms / 1_000 * self.memory_mb / 1_024


class Row(NamedTuple):
    """What is paid for, the name of its price, and the amount, of a Load or of the synthesized resources by type."""

    what: str
    price: str
    amount: Callable[[Any], float]


REQUESTS: Final = (
    Row("API Gateway", "api", lambda load: load.requests),
    Row("Web ACL", "inspected", lambda load: load.requests * load.web_acl),
    Row("Traces", "trace", lambda load: load.requests * TRACED),
    Row("Lambda, requests", "invocation", lambda load: load.requests),
)
#: What becomes of an update, wherever it came from.
STORED: Final = (
    Row("DynamoDB, table", "write", lambda load: MILLION * ceil(load.item / 1024)),
    Row("DynamoDB, index", "write", lambda load: MILLION * ceil(load.item / 1024)),
    # Of each shipment a batch has one update.
    Row("Shipments, reads", "read", lambda _: MILLION / 2),
    Row("Shipments, table", "write", lambda _: MILLION),
    Row("Shipments, index", "write", lambda _: MILLION),
    # The index of what is due gets a shipment and loses it. Each time that its deadline is put off, the sweep reads the
    # record and writes it, to the table and the index by status, and to that of what is due twice: out and in.
    Row("Deadlines, reads", "read", lambda _: MILLION / UPDATES_A_SHIPMENT * PUT_OFF / 2),
    Row("Deadlines, writes", "write", lambda _: MILLION / UPDATES_A_SHIPMENT * (2 + 4 * PUT_OFF)),
    # Both functions behind the streams.
    Row("Projector and notifier, requests", "invocation", lambda _: 2 * MILLION / BATCH),
    Row(
        "Projector and notifier, time", "time", lambda _: MILLION / TOLD_A_CPU_SECOND * MB_A_PROCESSOR / 1_024
    ),
)
UPDATES: Final = (
    *REQUESTS,
    Row(
        "Lambda, time",
        "time",
        lambda load: load.requests * load.gb_seconds(POST_CPU_MS * load.batch, load.batch),
    ),
    Row("Logs", "log", lambda load: load.requests * POST_LOG / 1e9),
    Row("Answers", "transfer", lambda _: MILLION * POST_ANSWER / 1e9),
    *STORED,
)
#: Messages of partners with an update each.
INBOUND: Final = (
    Row("API Gateway", "http", lambda load: load.requests),
    Row("Lambda, requests", "invocation", lambda load: load.requests),
    Row("Lambda, time", "time", lambda load: load.requests * load.gb_seconds(INBOUND_CPU_MS, 1)),
    Row("Logs", "log", lambda load: load.requests * INBOUND_LOG / 1e9),
    *STORED,
)
#: Each returns ten updates.
READS: Final = (
    *REQUESTS,
    Row("Lambda, time", "time", lambda load: load.requests * load.gb_seconds(GET_CPU_MS, load.shards or 1)),
    # One item more than asked for is read. Reads of an index are eventually consistent and cost half.
    Row(
        "DynamoDB, reads",
        "read",
        lambda load: load.requests * ceil(11 * load.item / 4_096) * (load.shards / 2 or 1),
    ),
    Row("Logs", "log", lambda load: load.requests * GET_LOG / 1e9),
    Row("Answers", "transfer", lambda load: load.requests * GET_ANSWER / 1e9),
)
#: To webhooks, at the first try: each is a notification of its own, and a message of its own of the queue. An item has
#: up to 1 KB, and with the beginning of an answer up to 2 KB; what is known of a webhook has up to 1 KB.
DELIVERIES: Final = (
    # A message comes, and is read and deleted with nine others; a delivery is alone.
    Row("SQS", "queue", lambda _: MILLION * (1 + 2 / 10) + MILLION * 3),
    # A transaction writes twice: the item, and with every so many others the webhook. The index gets it and loses it.
    # A run takes a lane of the webhook and gives it back.
    Row("DynamoDB, writes", "write", lambda _: MILLION * (2 + 2 / FANOUT_GROUP + 1 + 2 + 1 + 2)),
    # Of the newest: the webhook, the delivery.
    Row("DynamoDB, reads", "read", lambda _: MILLION * 2),
    Row("Lambda, requests", "invocation", lambda _: MILLION * (1 + 1 / FANOUT_GROUP)),
    Row(
        "Lambda, time",
        "time",
        lambda load: MILLION * (RECEIVER_MS + 5 * WAIT_MS) / 1_000 * load.memory_mb / 1_024,
    ),
    Row("Logs", "log", lambda _: MILLION * DELIVERY_LOG / 1e9),
    Row("Requests", "transfer", lambda _: MILLION * DELIVERY_BYTES / 1e9),
)
#: A million updates for a month.
STORAGE: Final = tuple(
    Row(what, price, lambda load: MILLION * (load.item + OVERHEAD) / 2**30)
    for what, price in (("Table", "table"), ("Index", "table"), ("Point-in-time recovery", "recovery"))
)
#: An environment for a month, without any request.
STANDING: Final = (
    Row("Alarms", "alarm", lambda found: sum(map(_metrics_of, found["aws_cloudwatch_metric_alarm"]))),
    Row("Composite alarms", "composite", lambda found: len(found["aws_cloudwatch_composite_alarm"])),
    Row("Dashboards", "dashboard", lambda found: len(found["aws_cloudwatch_dashboard"])),
    Row("Keys", "key", lambda found: len(found["aws_kms_key"])),
    Row("Web ACLs", "acl", lambda found: len(found["aws_wafv2_web_acl"])),
    Row(
        "Rules of web ACLs", "rule", lambda found: sum(len(acl["rule"]) for acl in found["aws_wafv2_web_acl"])
    ),
)


def usd(rows: Sequence[Row], of: Any) -> dict[str, float]:
    """What each of the rows costs, by its name."""
    return {row.what: row.amount(of) * prices()[row.price] for row in rows}


def monthly(updates_a_second: float, load: Load) -> dict[str, float]:
    """USD a month at a steady rate, by service."""
    millions = updates_a_second * SECONDS_A_MONTH / MILLION
    services: defaultdict[str, float] = defaultdict(float)
    for what, amount in usd(UPDATES, load).items():
        services[what.partition(",")[0]] += millions * amount
    return {**services, "API Gateway": tiered(millions / load.batch)}


def tiered(millions: float) -> float:
    """USD for requests to a REST API in a month."""
    total = below = 0.0
    for limit, price in API_TIERS:
        total += max(0, min(millions, limit) - below) * price
        below = limit
    return total


def _metrics_of(alarm: Mapping[str, Any]) -> int:
    return sum("metric" in query for query in alarm.get("metric_query", [])) or 1
