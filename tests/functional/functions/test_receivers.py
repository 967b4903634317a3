"""Receivers that hang, fail, answer oddly or are not who they say they are."""

import json
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import Empty, Queue
from threading import Event
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import delivery.receiver
import delivery.sweep
from delivery.receiver import Answer, post
from delivery.wiring import make_delivery
from outbound.queue import TOGETHER
from outbound.webhook import LANES
from tests.manager import Manager
from tests.outbound import Receiver, context, notification, receiving
from tests.stream_functions import eventually


@pytest.mark.slow
def test_a_receiver_that_hangs_fails_or_is_busy_delays_no_other_and_nothing_is_lost(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery.receiver, "LIMIT", 60)
    with ExitStack() as stack:
        healthy, hanging, failing, busy = (
            [stack.enter_context(receiving()) for _ in range(number)] for number in (2, 1, 1, 1)
        )
        release, running, most = Event(), 0, 0

        def hang(handler: BaseHTTPRequestHandler) -> None:
            nonlocal running, most
            with hanging[0].lock:
                running += 1
                most = max(most, running)
            release.wait(50)
            with hanging[0].lock:
                running -= 1
            hanging[0].answer(handler)

        hanging[0].behave = hang
        failing[0].status = 500
        busy[0].status, busy[0].headers = 429, {"Retry-After": "3600"}
        receivers = [*hanging, *failing, *busy, *healthy]
        ids = [manager.make(url=one.url)["id"] for one in receivers]
        for start in range(1, 61, 20):  # the embedded AWS copies all its tables for each transaction
            manager.tell(*(notification(number) for number in range(start, start + 20)))

        told = {f"id-{number}" for number in range(1, 61)}

        # As many runs as the one that hangs may hold, and two more; messages come in the order of the webhooks.
        messages: Queue[dict[str, Any]] = Queue()
        order = {id: place for place, id in enumerate(ids)}
        queued = manager.outbound.queued()
        for message in sorted(queued, key=lambda one: order[json.loads(one["body"])["webhook"]]):
            messages.put(message)
        stopped = Event()

        def run() -> None:
            deliverer, _ = make_delivery(manager.outbound.environment)
            while not stopped.is_set():
                try:
                    message = messages.get(timeout=0.1)
                except Empty:
                    continue
                assert deliverer.handle({"Records": [message]}, context()) == {"batchItemFailures": []}

        with ThreadPoolExecutor(LANES + 2) as pool:
            runs = [pool.submit(run) for _ in range(LANES + 2)]
            try:
                eventually(lambda: all(one.ids == told for one in healthy), seconds=40)
                arrived = len(hanging[0].requests)
                release.set()

                def all_there() -> bool:
                    for postponed in manager.outbound.queued():
                        messages.put(postponed)
                    return hanging[0].ids == told

                eventually(all_there, seconds=40)
            finally:
                release.set()
                stopped.set()
                for ended in runs:
                    ended.result()
        assert arrived == most == LANES * TOGETHER
        assert len(failing[0].requests) < 60
        assert len(busy[0].requests) < 60
        for id in ids[1:3]:
            found = manager.outbound.items(id)
            assert {item["id"] for item in found} == told
            assert {item["state"] for item in found} == {"pending"}
            assert all(int(item["due"]) > 0 for item in found)


def odd(receiver: Receiver, raw: bytes, *, every: float = 0, then: bytes = b"") -> None:
    """Has a receiver answer these very bytes, and `then` again and again."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(raw)
        handler.wfile.flush()
        handler.close_connection = True
        while then:
            time.sleep(every)
            handler.wfile.write(then)
            handler.wfile.flush()

    receiver.behave = behave


SLOW = "No whole answer within 0 s"


@pytest.mark.parametrize(
    ("raw", "every", "then", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 0.0, b"x" * 4096, Answer(200, "x" * 1024)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", 0.0, b"y" * 100, Answer(200, "y" * 1024)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\xff\xfe\x00ab", 0.0, b"", Answer(200, "\ufffd\ufffd\0ab")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 0.0, b"", Answer(204, "")),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", 0.0, b"", Answer(302, "")),
        (b"HTTP/1.1 200 OK\r\n", 0.02, b"X: y\r\n", Answer(error=SLOW)),
        (b"HTTP/1.1 200 OK\r\nX: ", 0.02, b"y", Answer(error=SLOW)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 0.02, b"z", Answer(error=SLOW)),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 0.02, b"HTTP/1.1 100 Continue\r\n\r\n", Answer(error=SLOW)),
        (b"H", 0.02, b"T", Answer(error="The connection failed: BadStatusLine")),
        (b"", 0.0, b"", Answer(error="The connection failed: RemoteDisconnected")),
        (b"SSH-2.0-OpenSSH_9.6\r\n", 0.0, b"", Answer(error="The connection failed: BadStatusLine")),
        (b"HTTP/1.1 99999 OK\r\n\r\n", 0.0, b"", Answer(error="The connection failed: BadStatusLine")),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, 0.0, b"", Answer(error="The connection failed: HTTPException")),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, 0.0, b"", Answer(error="The connection failed: LineTooLong")),
    ],
)  # fmt: skip
def test_odd_answers(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    raw: bytes,
    every: float,
    then: bytes,
    expected: Answer,
) -> None:
    monkeypatch.setattr(delivery.receiver, "LIMIT", 0.4)
    odd(receiver, raw, every=every, then=then)
    answer = post(receiver.url, {}, b"{}", local=True)
    if expected.error and "BadStatusLine" in expected.error and every:
        # A status line that comes byte by byte is cut, and so is none.
        expected = Answer(error=SLOW)
    assert answer == expected
    assert len(receiver.requests) == 1, "nobody is asked again, or elsewhere"


def test_who_takes_the_connection_and_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery.receiver, "LIMIT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for scheme in ("http", "https"):
            assert post(f"{scheme}://127.0.0.1:{port}/", {}, b"", local=True).error == SLOW
    assert post(f"http://127.0.0.1:{port}/", {}, b"", local=True) == Answer(
        error="The connection failed: ConnectionRefusedError"
    )


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Has each name resolve to the next of the addresses; returns the names that were asked for."""
    asked: list[str] = []
    genuine = socket.getaddrinfo
    rest = iter(answers)

    def getaddrinfo(host: str, port: Any, *arguments: Any, **options: Any) -> Any:
        if host.endswith(".example"):
            if options.get("flags"):
                raise socket.gaierror
            asked.append(host)
            host = next(rest)
        return genuine(host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name would be another machine's the second time."""
    asked = resolving(monkeypatch, "127.0.0.1", "169.254.169.254")
    answer = post(receiver.url.replace("127.0.0.1", "rebinding.example"), {}, b"{}", local=True)
    assert answer.status == 200
    assert asked == ["rebinding.example"]
    assert receiver.requests[0].headers["Host"].startswith("rebinding.example:")


def test_a_name_that_becomes_an_inner_address_is_not_connected_to(
    manager: Manager, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = manager.make(url=receiver.url.replace("127.0.0.1", "inner.example"))
    resolving(monkeypatch, "10.0.0.1")
    manager.tell(notification())
    manager.deliver()
    (found,) = manager.deliveries(hook["id"])
    assert found["error"] == "Not sent: its URL must have public addresses alone"
    assert (found["state"], found["attempts"]) == ("pending", 1)
    assert receiver.requests == []


def test_deployed_in_aws_nothing_goes_to_this_machine(receiver: Receiver) -> None:
    answer = post(receiver.url, {}, b"{}", local=False)
    assert answer == Answer(error="Not sent: its URL must be an https URL")
    answer = post(receiver.url.replace("http:", "https:"), {}, b"{}", local=False)
    assert answer.error == "Not sent: its URL must have the port 443 or 8443"
    assert receiver.requests == []


def certificate(folder: Path, name: str) -> str:
    """A file with a key and a certificate that it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + made.public_bytes(serialization.Encoding.PEM)
    file = folder / f"{name}.pem"
    file.write_bytes(pem)
    return str(file)


def test_tls_is_checked_against_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = certificate(tmp_path, "shop.example")
    delivery.receiver._tls_context.cache_clear()
    with receiving(file) as receiver:
        for name, trusted, status in (
            ("shop.example", True, 200),
            ("other.example", True, None),
            ("shop.example", False, None),
        ):
            resolving(monkeypatch, "127.0.0.1")
            made = ssl.create_default_context(cafile=file if trusted else None)
            monkeypatch.setattr(delivery.receiver, "_tls_context", lambda made=made: made)
            answer = post(receiver.url.replace("127.0.0.1", name), {}, b"{}", local=True)
            assert answer.status == status
            assert status or answer.error == "The connection failed: SSLCertVerificationError"
    assert len(receiver.requests) == 1
