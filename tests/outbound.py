"""What webhooks are made of, in the embedded AWS, and receivers: real HTTP servers on this machine."""

import json
import os
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import SimpleNamespace
from typing import Any, NamedTuple

import boto3

import contract
from tests.conftest import REGION, attributes, environment_suffix, key_schema


@cache
def _client_at(endpoint: str, service: str) -> Any:
    return boto3.client(service, endpoint_url=endpoint)


def _client(service: str) -> Any:
    """A client of the embedded AWS of this moment; making one takes longer than a test."""
    return _client_at(os.environ["AWS_ENDPOINT_URL"], service)


class Outbound:
    """The tables and the queue, and what the functions' environment variables say of them."""

    def __init__(self) -> None:
        suffix = environment_suffix()
        self.webhooks, self.deliveries = f"tracking-webhooks-{suffix}", f"tracking-deliveries-{suffix}"
        index = contract.DELIVERIES_INDEX
        _client("dynamodb").create_table(
            TableName=self.webhooks,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=key_schema("id"),
            AttributeDefinitions=attributes(id="S"),
        )
        _client("dynamodb").create_table(
            TableName=self.deliveries,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=key_schema("webhook", "sequence"),
            AttributeDefinitions=attributes(webhook="S", sequence="N", due="N"),
            GlobalSecondaryIndexes=[
                {
                    "IndexName": index.name,
                    "KeySchema": key_schema(index.key, index.time),
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        )
        queue = _client("sqs").create_queue(QueueName=f"tracking-deliveries-{suffix}")["QueueUrl"]
        self.queue: str = queue
        self.environment = {
            contract.ENVIRONMENT: "test",
            contract.REGION: REGION,
            contract.WEBHOOKS_TABLE: self.webhooks,
            contract.DELIVERIES_TABLE: self.deliveries,
            contract.DELIVERIES_QUEUE: queue,
            contract.LOCAL_RECEIVERS: "true",
        }

    def queued(self) -> list[dict[str, Any]]:
        """What came into the queue since the last call and is not delayed, as Lambda gives it to a function."""
        found: list[dict[str, Any]] = []
        while (
            messages := _client("sqs")
            .receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
            .get("Messages")
        ):
            for message in messages:
                _client("sqs").delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                found.append({"messageId": message["MessageId"], "body": message["Body"]})
        return found

    def delayed(self) -> int:
        """How many messages of the queue are kept back."""
        name = "ApproximateNumberOfMessagesDelayed"
        found = _client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=[name])
        return int(found["Attributes"][name])

    def item(self, webhook: str, sequence: int = 1) -> dict[str, Any]:
        """A delivery as it is stored."""
        key = {"webhook": {"S": webhook}, "sequence": {"N": str(sequence)}}
        item = _client("dynamodb").get_item(TableName=self.deliveries, Key=key)["Item"]
        return {name: next(iter(value.values())) for name, value in item.items()}

    def items(self, webhook: str) -> list[dict[str, Any]]:
        """All deliveries of a webhook as they are stored."""
        found = _client("dynamodb").query(
            TableName=self.deliveries,
            KeyConditionExpression="webhook = :webhook",
            ExpressionAttributeValues={":webhook": {"S": webhook}},
        )
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in found["Items"]]

    def set_due(self, webhook: str, sequence: int, due: int) -> None:
        """Has a delivery looked at from `due` on, in ms since the epoch."""
        _client("dynamodb").update_item(
            TableName=self.deliveries,
            Key={"webhook": {"S": webhook}, "sequence": {"N": str(sequence)}},
            UpdateExpression="SET due = :due",
            ExpressionAttributeValues={":due": {"N": str(due)}},
        )


def notification(number: int = 1, **members: Any) -> dict[str, Any]:
    """A notification, as the notifier sends it."""
    return {
        "deduplication_id": f"id-{number}",
        "event": "status_changed",
        "tracking_id": f"PKG-{number}",
        "version": number,
        "status": "delivered",
        "previous_status": "in_transit",
        "timestamp": 1_700_000_000_123,
        "location": {"lat": 52.52, "lng": 13.405},
        "place": {"city": "Berlin", "country": "DE"},
        "reason": "delivered_to_neighbor",
        "carrier": "DHL",
        "estimated_delivery": None,
        **members,
    }


def records(*notifications: Any) -> list[dict[str, Any]]:
    """The records of a queue that the topic delivers to raw."""
    return [
        {"messageId": f"m-{place}", "body": one if isinstance(one, str) else json.dumps(one)}
        for place, one in enumerate(notifications)
    ]


def context(seconds: float = 60) -> Any:
    """What Lambda gives a function beside the event."""
    return SimpleNamespace(
        aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: int(seconds * 1000)
    )


class Received(NamedTuple):
    """A request to a receiver."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: int
    """ms since the epoch."""


class Receiver:
    """A server; `behave` writes the answer, by default 200 without a body."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.lock = Lock()
        self.status = 200
        self.headers: dict[str, str] = {}
        self.text = ""
        self.behave: Callable[[BaseHTTPRequestHandler], None] = self.answer
        self.url = ""

    @property
    def ids(self) -> set[str]:
        """Of the messages that came, each of which may come twice."""
        return {request.headers["webhook-id"] for request in self.requests}

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """The usual answer."""
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.text)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.text.encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Says nothing: a client that was cut off is what is tested."""


@contextmanager
def receiving(certificate: str = "") -> Iterator[Receiver]:
    """A receiver on a free port.

    Args:
        certificate: file of a key and a certificate, for TLS.
    """
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with receiver.lock:
                receiver.requests.append(Received(self.path, dict(self.headers.items()), body, now()))
            receiver.behave(self)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    receiver.url = f"{scheme}://127.0.0.1:{server.server_port}/hook"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def now() -> int:
    """ms since the epoch."""
    return int(time.time() * 1000)
