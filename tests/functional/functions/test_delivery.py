"""What becomes of deliveries that are not taken: tries, blocked webhooks, the sweep, and receivers that are odd."""

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
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
import outbound.delivery
import storage.deliveries
from delivery.receiver import Answer, post
from delivery.wiring import make_delivery
from outbound.delivery import GRACE, WAITS
from outbound.queue import TOGETHER
from outbound.webhook import LANES, MAX_FAILURES, TRIAL_INTERVAL
from tests.functional.functions.test_webhooks import Manager, verified
from tests.mapped import eventually
from tests.outbound import Outbound, Receiver, context, notification, now, receiving

Metrics = Callable[[], dict[str, float]]


@pytest.fixture
def manager(environment: dict[str, str]) -> Manager:
    return Manager(Outbound())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def metrics(capsys: pytest.CaptureFixture[str]) -> Metrics:
    """The sums of the metrics since the last call."""

    def read() -> dict[str, float]:
        found: dict[str, float] = {}
        for line in capsys.readouterr().out.splitlines():
            for name, value in json.loads(line).items():
                if isinstance(value, list):
                    found[name] = found.get(name, 0) + sum(value)
        return found

    return read


def let_due(manager: Manager, webhook: str, sequence: int = 1) -> None:
    """Has the time of a delivery that was put aside come, and a sweep look at it."""
    manager.outbound.set_due(webhook, sequence, now() - 1)
    manager.sweep.handle(context())


def unblock(manager: Manager, webhook: str) -> None:
    """Has the time of a trial come."""
    manager.sweep._outbox.webhooks.change(webhook, blocked_until=now() - 1)


def test_a_delivery_is_tried_ten_times_and_then_given_up(
    manager: Manager, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, metrics: Metrics
) -> None:
    monkeypatch.setattr(outbound.delivery, "_JITTER", 0)
    hook = manager.make(url=receiver.url)
    receiver.status, receiver.text = 500, "sorry"
    manager.tell(notification())
    waits = []
    for attempt in range(1, 11):
        assert manager.deliver() == 1
        (found,) = manager.deliveries(hook["id"])
        assert (found["attempts"], found["status"], found["answer"]) == (attempt, 500, "sorry")
        if found["next_attempt"]:
            waits.append(round((found["next_attempt"] - found["attempted_at"]) / 1000))
            assert found["state"] == "pending"
            let_due(manager, hook["id"])
    assert waits == list(WAITS) == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert found["state"] == "failed"
    assert found["next_attempt"] is None
    assert "due" not in manager.outbound.item(hook["id"])
    assert {request.headers["webhook-id"] for request in receiver.requests} == {"id-1"}
    told = metrics()
    assert (told["DeliveriesFailed"], told["DeliveriesGivenUp"]) == (9, 1)


def test_short_waits_are_the_queues_and_long_ones_the_tables(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url)
    receiver.status = 503
    manager.tell(notification())
    for attempt, queued in ((1, 1), (2, 2), (3, 2)):
        manager.deliver()
        assert manager.outbound.delayed() == queued
        item = manager.outbound.item(hook["id"])
        assert int(item["due"]) == int(item["next_attempt"]) + (GRACE if attempt < 3 else 0)
        let_due(manager, hook["id"])


def test_after_a_success_nothing_more_is_sent(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification())
    queued = manager.outbound.queued()
    for _ in range(2):  # a queue may give a message twice
        manager.deliverer.handle({"Records": queued}, context())
    manager.sweep.handle(context())
    assert manager.deliver() == 0
    assert len(receiver.requests) == 1
    assert manager.deliveries(hook["id"])[0]["attempts"] == 1


def test_what_no_queue_has_is_sent_by_the_sweep(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification(1), notification(2))
    manager.outbound.queued()  # they are lost
    manager.sweep.handle(context())
    assert manager.deliver() == 0, "not before its time"
    for sequence in (1, 2):
        manager.outbound.set_due(hook["id"], sequence, now() - 1)
    manager.sweep.handle(context())
    manager.sweep.handle(context())
    assert manager.deliver() == 2, "once"
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("seconds", [600, 3600, 40 * 24 * 3600])
@pytest.mark.parametrize("as_date", [False, True])
def test_a_receiver_is_left_alone_as_long_as_it_asks_for_a_day_at_most(
    manager: Manager, receiver: Receiver, seconds: int, as_date: bool
) -> None:
    hook = manager.make(url=receiver.url)
    receiver.status = 429
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    receiver.headers = {"Retry-After": date if as_date else str(seconds)}
    manager.tell(notification(1))
    manager.deliver()
    (found,) = manager.deliveries(hook["id"])
    expected = min(seconds, 24 * 3600) * 1000
    assert expected - 5000 < found["next_attempt"] - found["attempted_at"] <= expected
    blocked = manager.ask("GET /webhooks/{id}", hook["id"]).body["blocked_until"]
    assert expected - 5000 < blocked - found["attempted_at"] <= expected
    # What comes meanwhile waits without a try.
    receiver.status = 200
    manager.tell(notification(2))
    manager.deliver()
    manager.sweep.handle(context())
    manager.deliver()
    assert len(receiver.requests) == 1
    assert manager.deliveries(hook["id"])[0]["attempts"] == 0


def test_another_failure_does_not_shorten_what_a_receiver_asked_for(
    manager: Manager, receiver: Receiver
) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification())
    (message,) = manager.outbound.queued()
    asked = now() + 3_600_000
    # One that was under way when another was answered so.
    manager.sweep._outbox.webhooks.change(hook["id"], failures=MAX_FAILURES, blocked_until=asked)
    receiver.status = 500
    body = {**json.loads(message["body"]), "trial": True}
    manager.deliverer.handle({"Records": [{**message, "body": json.dumps(body)}]}, context())
    assert len(receiver.requests) == 1
    assert manager.ask("GET /webhooks/{id}", hook["id"]).body["blocked_until"] == asked


@pytest.mark.parametrize("value", ["soon", "-1", "", "1e3", "\u0661", "Thu, 99 Foo 2023 00:00:00 GMT"])
def test_what_is_no_retry_after_is_passed_over(manager: Manager, receiver: Receiver, value: str) -> None:
    hook = manager.make(url=receiver.url)
    receiver.status, receiver.headers = 503, {"Retry-After": value.encode().decode("latin-1")}
    manager.tell(notification())
    manager.deliver()
    assert manager.deliveries(hook["id"])[0]["attempts"] == 1
    assert manager.ask("GET /webhooks/{id}", hook["id"]).body["blocked_until"] is None


def test_a_receiver_that_is_gone_disables_its_webhook(
    manager: Manager, receiver: Receiver, metrics: Metrics
) -> None:
    hook = manager.make(url=receiver.url)
    receiver.status = 410
    manager.tell(notification(1))
    manager.deliver()
    assert manager.deliveries(hook["id"])[0]["state"] == "failed"
    assert manager.ask("GET /webhooks/{id}", hook["id"]).body["state"] == "disabled"
    manager.tell(notification(2))
    assert manager.deliver() == 0
    assert metrics()["WebhooksDisabled"] == 1
    receiver.status = 200
    manager.ask("PATCH /webhooks/{id}", hook["id"], {"state": "active"})
    manager.tell(notification(3))
    manager.deliver()
    assert verified(receiver.requests[-1], hook["secret"]) == notification(3)


def test_what_waits_for_a_webhook_that_is_disabled_is_given_up(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification())
    manager.ask("PATCH /webhooks/{id}", hook["id"], {"state": "disabled"})
    manager.deliver()
    (found,) = manager.deliveries(hook["id"])
    assert (found["state"], found["error"]) == ("failed", "Not sent: the webhook is disabled")
    assert receiver.requests == []


def test_a_receiver_that_fails_is_blocked_tried_once_a_minute_and_drained_when_it_is_back(
    manager: Manager, receiver: Receiver, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    hook = manager.make(url=receiver.url)
    receiver.status = 500
    manager.tell(*(notification(number) for number in range(1, 31)))
    for _ in range(3):
        # Ten at a time, as the queue gives them.
        queued = manager.outbound.queued()
        for start in range(0, len(queued), MAX_FAILURES):
            manager.deliverer.handle({"Records": queued[start : start + MAX_FAILURES]}, context())
    assert len(receiver.requests) == MAX_FAILURES
    blocked = manager.ask("GET /webhooks/{id}", hook["id"]).body
    assert blocked["failures"] == MAX_FAILURES
    assert 0 < blocked["blocked_until"] - now() <= TRIAL_INTERVAL
    told = metrics()
    assert (told["WebhooksBlocked"], told["DeliveriesPutAside"]) == (1, 20)
    assert [record.levelname for record in caplog.records if "blocked" in record.message] == ["WARNING"]
    manager.sweep.handle(context())
    assert manager.deliver() == 0, "not before its time"
    assert metrics()["WebhooksBlockedNow"] == 1

    unblock(manager, hook["id"])
    manager.sweep.handle(context())
    manager.sweep.handle(context())
    assert manager.deliver() == 1, "one is tried"
    assert len(receiver.requests) == MAX_FAILURES + 1
    unblock(manager, hook["id"])
    receiver.status = 200
    manager.sweep.handle(context())
    assert manager.deliver() == 1
    healed = manager.ask("GET /webhooks/{id}", hook["id"]).body
    assert (healed["failures"], healed["blocked_until"]) == (0, None)
    manager.sweep.handle(context())
    manager.deliver()
    for sequence in range(1, 31):  # those that failed wait for their own time
        if "due" in manager.outbound.item(hook["id"], sequence):
            manager.outbound.set_due(hook["id"], sequence, now() - 1)
    manager.sweep.handle(context())
    manager.deliver()
    arrived = [json.loads(request.body)["version"] for request in receiver.requests[MAX_FAILURES + 1 :]]
    assert sorted(arrived) == list(range(1, 31)), "all of them, once"


def test_a_sweep_drains_so_much_of_one_webhook_at_most(
    manager: Manager, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery.sweep, "MAX_SENT", 4)
    hook = manager.make(url=receiver.url)
    manager.tell(*(notification(number) for number in range(1, 11)))
    manager.outbound.queued()
    for sequence in range(1, 11):
        manager.outbound.set_due(hook["id"], sequence, sequence)
    sent = []
    for _ in range(4):
        manager.sweep.handle(context())
        sent.append(manager.deliver())
    assert sent == [4, 4, 2, 0]
    assert json.loads(receiver.requests[0].body)["version"] <= 4, "the longest due first"


def test_a_sweep_without_time_leaves_it_to_the_next(manager: Manager, receiver: Receiver) -> None:
    hook = manager.make(url=receiver.url)
    manager.tell(notification())
    manager.outbound.queued()
    manager.outbound.set_due(hook["id"], 1, 1)
    manager.sweep.handle(context(10))
    assert manager.deliver() == 0
    manager.sweep.handle(context(60))
    assert manager.deliver() == 1


def test_what_was_made_since_a_time_is_sent_again(
    manager: Manager, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = manager.make(url=receiver.url)
    start = now()
    clock = [start]
    monkeypatch.setattr(
        storage.deliveries, "time", type("Clock", (), {"time": lambda: clock[0] / 1000, "sleep": time.sleep})
    )
    for number in range(1, 11):
        clock[0] = start + number * 1000
        manager.tell(notification(number))
    manager.deliver()
    receiver.requests.clear()
    nothing = manager.ask("POST /webhooks/{id}/replay", hook["id"], since=str(start + 11_000))
    assert nothing.body == {"count": 0}
    answer = manager.ask("POST /webhooks/{id}/replay", hook["id"], since=str(start + 7000))
    assert answer.body == {"count": 4}
    manager.sweep.handle(context())
    manager.deliver()
    assert sorted(json.loads(request.body)["version"] for request in receiver.requests) == [7, 8, 9, 10]
    assert verified(receiver.requests[0], hook["secret"])
    assert manager.deliveries(hook["id"])[0]["state"] == "delivered"
    manager.sweep.handle(context())
    assert manager.deliver() == 0, "once"


def test_a_replay_goes_on_in_the_next_sweep(
    manager: Manager, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery.sweep, "MAX_SENT", 4)
    hook = manager.make(url=receiver.url)
    manager.tell(*(notification(number) for number in range(1, 11)))
    manager.deliver()
    assert manager.ask("POST /webhooks/{id}/replay", hook["id"], since="0").body == {"count": 10}
    sent = []
    for _ in range(4):
        manager.sweep.handle(context())
        sent.append(manager.deliver())
    assert sent == [4, 4, 2, 0]


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
