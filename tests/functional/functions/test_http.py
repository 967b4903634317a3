"""Calls over connections that stay open, to a server that counts them."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench.stub import stub
from runtime.aws import AwsError, Client
from tests.conftest import REGION
from tests.serving import serving

TABLE = {"TableName": "updates"}
ITEM = {"tracking_id": {"S": "SHIP-1"}, "timestamp": {"N": "1"}}


class Server(ThreadingHTTPServer):
    """Gives back what it is asked; `answers` holds how many answers each connection got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[int] = []
        self.hosts: set[str] = set()
        #: How an answer ends: "" as it should, "closed" with its connection, "said" too, "cut" in the middle,
        #: or "early" after the first line.
        self.ending = ""
        #: Whether a connection that was used before ends instead of answering.
        self.forgets = False
        #: How many requests it has lost so.
        self.forgotten = 0
        #: Where calls wait for each other.
        self.gate = threading.Barrier(1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.place = len(self.server.answers)
        self.server.answers.append(0)

    def do_POST(self) -> None:
        if self.server.forgets and self.server.answers[self.place]:
            self.close_connection = True
            self.server.forgotten += 1
            return
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.gate.wait(5)
        body = json.dumps({"Items": [asked["ExpressionAttributeValues"]], "Count": 1}).encode()
        self.server.answers[self.place] += 1
        self.server.hosts.add(self.headers["Host"])
        self.close_connection = bool(self.server.ending)
        self.send_response_only(200)
        if self.server.ending == "early":
            self.flush_headers()
            return
        self.send_header("Content-Length", str(len(body)))
        if self.server.ending == "said":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.server.ending == "cut" else body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(server := Server()) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local-secret")
        yield server


def ask(client: Any, text: str = "A") -> dict[str, Any]:
    """The answer to a query with `text` in it, which comes back."""
    values = {":id": {"S": text}}
    answer: dict[str, Any] = client.query(**TABLE, ExpressionAttributeValues=values)
    assert answer["Items"] == [values]
    return answer


def test_calls_share_a_connection(server: Server) -> None:
    client = Client("dynamodb", REGION)
    for _ in range(3):
        ask(client)
    assert server.answers == [3]


@pytest.mark.parametrize("ending", ["closed", "said"])
def test_a_connection_that_the_server_has_ended_is_not_used(server: Server, ending: str) -> None:
    server.ending = ending
    client = Client("dynamodb", REGION)
    for _ in range(3):
        ask(client)
        # The end has to arrive first; a call that races with it is sent again, as the tests of faults show.
        threading.Event().wait(0.05)
    assert server.answers == [1, 1, 1]
    assert not server.forgotten


def test_connections_that_all_went_dead_unnoticed_cost_one_attempt(server: Server) -> None:
    client = Client("dynamodb", REGION)
    server.gate = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: ask(client, str(number)), range(4)))
    server.gate, server.forgets = threading.Barrier(1), True
    ask(client)
    assert server.forgotten == 1
    assert server.answers == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("ending", ["cut", "early"])
def test_an_answer_that_is_cut_short_is_asked_for_again_and_then_given_up(
    server: Server, ending: str
) -> None:
    server.ending = ending
    with pytest.raises(AwsError):
        ask(Client("dynamodb", REGION))
    assert server.answers == [1, 1, 1]


def test_each_of_many_threads_gets_its_own_answer(server: Server) -> None:
    client = Client("dynamodb", REGION)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ask(client, str(number)), range(200)))
    assert sum(server.answers) == 200
    assert len(server.answers) <= 8


@pytest.mark.parametrize(
    ("url", "host"), [("http://LOCALHOST:80", "localhost"), ("http://localhost:8000", "localhost:8000")]
)
def test_the_host_is_called_as_in_the_signature(
    server: Server, monkeypatch: pytest.MonkeyPatch, url: str, host: str
) -> None:
    def connect(_: Any, timeout: float) -> socket.socket:
        return connect_to(("127.0.0.1", server.server_port), timeout)

    connect_to = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    ask(Client("dynamodb", REGION))
    assert server.hosts == {host}


def test_a_server_that_is_away(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(AwsError):
        ask(Client("dynamodb", REGION, attempts=1))


@pytest.fixture
def tls(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with stub(tmp_path) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "stub.pem"))
        yield endpoint


def test_a_certificate_that_is_trusted(tls: str) -> None:
    assert Client("dynamodb", REGION).put_item(**TABLE, Item=ITEM) == {}


def test_a_certificate_that_is_not_trusted(tls: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    with pytest.raises(AwsError, match="SSLCertVerificationError"):
        Client("dynamodb", REGION, attempts=1).put_item(**TABLE, Item=ITEM)


def test_a_certificate_of_another_host(tls: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", tls.replace("127.0.0.1", "localhost"))
    with pytest.raises(AwsError, match="SSLCertVerificationError"):
        Client("dynamodb", REGION, attempts=1).put_item(**TABLE, Item=ITEM)
