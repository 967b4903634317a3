"""What receivers that fail cost the others: the delay of webhooks' messages, what is lost, and the order.

`python -m bench.webhooks [DELIVERIES]`: so many to ten receivers on this machine, from the fan-out on, over the
embedded AWS; and once more while one of them hangs, one answers 500 and one 429.
"""

import contextlib
import io
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from queue import Queue
from threading import Event
from typing import Any, NamedTuple
from unittest.mock import patch

import boto3

from delivery.deliverer import Deliverer
from delivery.wiring import make_delivery
from fanout.fanout import Fanout
from fanout.wiring import make_fanout
from local.aws import EmbeddedAws
from local.threads import running
from outbound.secret import Secret, make_secret
from outbound.webhook import LANES, Webhook
from storage.webhooks import WebhookStore
from tests.conftest import REGION
from tests.outbound import Outbound, Receiver, context, notification, now, receiving, records

#: Of a run, unless the command line says otherwise.
DELIVERIES = 600
#: Deliveries a second, which two cores take with the embedded AWS.
RATE = 40
RECEIVERS = 10
#: Those that fail in the second run: one hangs, one answers 500, one 429.
BAD = 3
#: Runs of the function at once: what a receiver that hangs may hold, and three times as many.
RUNS = 4 * LANES
#: Messages of each shipment, one right after the other.
VERSIONS = 5
#: Seconds between two sweeps, and that the last deliveries may take.
_SWEEP, _REST = 60, 300
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "tracking-delivery",
    "POWERTOOLS_METRICS_NAMESPACE": "LogisticsTracking",
}


class Result(NamedTuple):
    """What became of the deliveries of a run."""

    p50: int
    """ms from the notification to the request; this and p99 of the receivers that are good in both runs."""
    p99: int
    lost: int
    """Of all receivers: neither taken nor waiting for its next attempt."""
    late: int
    """Came to a good receiver after a newer version."""
    stale: int
    """Shipments of which a good receiver that drops old versions keeps another than the newest one."""


def measure(deliveries: int, *, bad: int) -> Result:
    """Delivers to receivers of which the first `bad` fail."""
    outbound, told = Outbound(), deliveries // RECEIVERS
    with ExitStack() as stack:
        receivers = [stack.enter_context(receiving()) for _ in range(RECEIVERS)]
        stack.enter_context(_failing(receivers[:bad]))
        store = WebhookStore(boto3.client("dynamodb"), outbound.webhooks)
        for place, receiver in enumerate(receivers):
            store.put(Webhook(id=str(place), created_at=0, secrets=[Secret(make_secret())], url=receiver.url))
        with _served(outbound):
            _tell(outbound, told)
            until = time.monotonic() + _REST
            while any(len(one.ids) < told for one in receivers[bad:]) and time.monotonic() < until:
                time.sleep(0.5)
        return _result(outbound, receivers, bad, told)


@contextmanager
def _failing(receivers: list[Receiver]) -> Iterator[None]:
    released = Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        released.wait()

    for place, receiver in enumerate(receivers):
        if place == 0:
            receiver.behave = hang
        else:
            receiver.status = (500, 429)[place - 1]
    try:
        yield
    finally:
        released.set()


@contextmanager
def _served(outbound: Outbound) -> Iterator[None]:
    """Runs the function for the messages of the queue, one for each, and its sweep, as they are deployed."""
    sqs, stopped = boto3.client("sqs"), Event()
    idle: Queue[Deliverer] = Queue()
    for _ in range(RUNS):
        idle.put(make_delivery(outbound.environment)[0])
    _, sweep = make_delivery(outbound.environment)

    def run(deliverer: Deliverer, message: Any) -> None:
        try:
            record = {"messageId": message["MessageId"], "body": message["Body"]}
            deliverer.handle({"Records": [record]}, context())
            sqs.delete_message(QueueUrl=outbound.queue, ReceiptHandle=message["ReceiptHandle"])
        finally:
            idle.put(deliverer)

    def feed() -> None:
        with ThreadPoolExecutor(RUNS) as pool:
            while not stopped.is_set():
                deliverer, found = idle.get(), []
                with contextlib.suppress(Exception):  # it asks again
                    found = sqs.receive_message(QueueUrl=outbound.queue).get("Messages", [])
                if found:
                    pool.submit(run, deliverer, found[0])
                else:
                    idle.put(deliverer)
                    stopped.wait(0.02)

    def look() -> None:
        while not stopped.wait(_SWEEP):
            with contextlib.suppress(Exception):  # the next one goes on
                sweep.handle(context())

    with running(stopped, feed, look):
        yield


def _tell(outbound: Outbound, number: int) -> None:
    """Has the fan-out add so many messages to each webhook, in batches of a second."""
    fanout = make_fanout(outbound.environment)
    client = boto3.client("dynamodb")
    # For a transaction the embedded AWS copies the tables; nobody else numbers these messages.
    fanout._outbox.deliveries._client.transact_write_items = lambda **request: _write(client, **request)
    together = RATE // RECEIVERS
    started = time.monotonic()
    for second, first in enumerate(range(0, number, together)):
        time.sleep(max(started + second - time.monotonic(), 0))
        batch = range(first, min(first + together, number))
        event = {
            "Records": records(
                *(notification(one, tracking_id=f"PKG-{one // VERSIONS}", timestamp=now()) for one in batch)
            )
        }
        # As the queue does it, which keeps what failed.
        while not _handled(fanout, event):
            time.sleep(1)


def _handled(fanout: Fanout, event: dict[str, Any]) -> bool:
    try:
        failed: list[object] = fanout.handle(event, context())["batchItemFailures"]
    except Exception:  # whatever it is, the batch comes again
        return False
    return not failed


def _write(client: Any, **request: Any) -> None:
    count, *puts = request["TransactItems"]
    table = puts[0]["Put"]["TableName"]
    puts_alone = [{"PutRequest": {"Item": put["Put"]["Item"]}} for put in puts]
    client.batch_write_item(RequestItems={table: puts_alone})
    client.update_item(**count["Update"])


def _result(outbound: Outbound, receivers: list[Receiver], bad: int, told: int) -> Result:
    kept = set()  # whatever comes twice
    for page in boto3.client("dynamodb").get_paginator("scan").paginate(TableName=outbound.deliveries):
        for item in page["Items"]:
            webhook, id = item["webhook"]["S"], item["id"]["S"]
            if id in receivers[int(webhook)].ids if item["state"]["S"] == "delivered" else "due" in item:
                kept.add((webhook, id))
    delays, late, stale = [], 0, 0
    for place, receiver in enumerate(receivers[bad:], bad):
        newest: dict[str, int] = {}
        for request in receiver.requests:
            message = json.loads(request.body)
            if place >= BAD:
                delays.append(request.at - message["timestamp"])
            id, version = message["tracking_id"], message["version"]
            late += version < newest.get(id, 0)
            newest[id] = max(version, newest.get(id, 0))
        stale += sum(newest.get(f"PKG-{number // VERSIONS}", 0) < number for number in range(told))
    delays.sort()
    p50, p99 = (delays[math.ceil(part * len(delays)) - 1] for part in (0.5, 0.99))
    return Result(p50, p99, told * RECEIVERS - len(kept), late, stale)


def main(deliveries: int = DELIVERIES) -> None:
    """Measure, and print the table."""
    with EmbeddedAws() as aws, patch.dict(os.environ, {**aws.environment(REGION), **ENVIRONMENT}):
        print(
            f"\nWebhooks: {deliveries} deliveries to {RECEIVERS} receivers, {RATE} a second, {RUNS} runs at once"
        )
        results = []
        for title, bad in ((f"{RECEIVERS} good", 0), ("one hangs, one answers 500, one 429", BAD)):
            with contextlib.redirect_stdout(io.StringIO()):  # the log
                results.append(measure(deliveries, bad=bad))
            cells = (f"{name} {value}" for name, value in results[-1]._asdict().items())
            print(f"  {title:36}", *cells, sep="  ")
        good, beside = results
        print(f"  p50 x {beside.p50 / good.p50:.2f}, p99 x {beside.p99 / good.p99:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
