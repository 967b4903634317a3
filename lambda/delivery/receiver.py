"""One request to a webhook: to an address that was checked, within a time, and without going on elsewhere."""

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from typing import Final, NamedTuple
from urllib.parse import SplitResult

from outbound.addresses import Forbidden, check_url, resolve

#: Seconds for a request and its answer, and bytes of that which are read.
LIMIT: Final = 10.0
KEPT: Final = 1024
_USER_AGENT: Final = "shipment-tracking"


class Answer(NamedTuple):
    """What a receiver answered, or why it did not."""

    status: int | None = None
    text: str | None = None
    retry_after: int | None = None
    """Seconds."""
    error: str | None = None


def post(url: str, headers: Mapping[str, str], body: bytes, *, local: bool) -> Answer:
    """The answer to a request, or to none if the URL is not allowed; see `check_url`. Raises nothing."""
    until = time.monotonic() + LIMIT
    try:
        answer = _post(check_url(url, local=local), headers, body, until, local)
    except Forbidden as error:
        return Answer(error=f"Not sent: its URL {error}")
    except socket.gaierror:
        return Answer(error="Its name cannot be resolved")
    except (OSError, HTTPException, ValueError) as error:
        answer = Answer(error=f"The connection failed: {type(error).__name__}")
    if time.monotonic() >= until:
        return Answer(error=f"No whole answer within {LIMIT:.0f} s")
    return answer


def _post(url: SplitResult, headers: Mapping[str, str], body: bytes, until: float, local: bool) -> Answer:
    with _connected(resolve(url, local=local), until) as plain:
        connection: HTTPConnection
        assert url.hostname  # noqa: S101 (for the type checker)
        if url.scheme == "https":
            connection = HTTPSConnection(url.hostname, url.port)
            connection.sock = _tls_context().wrap_socket(plain, server_hostname=url.hostname)
        else:
            connection = HTTPConnection(url.hostname, url.port)
            connection.sock = plain
        try:
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request("POST", target, body, {"User-Agent": _USER_AGENT, **headers})
            with connection.getresponse() as response:
                text = response.read(KEPT).decode(errors="replace")
                return Answer(response.status, text, _seconds(response.getheader("Retry-After")))
        finally:
            connection.close()


@contextmanager
def _connected(addresses: list[tuple[str, int]], until: float) -> Iterator[socket.socket]:
    """A connection to the first of the addresses that takes one, which is cut when the time is up."""
    for address in addresses:
        try:
            connection = socket.create_connection(address, _left(until))
            break
        except OSError as error:
            failure = error
    else:
        raise failure
    # Shared with TLS, which takes the connection over. The timeouts of sockets are those of each read: who sends a
    # byte now and then keeps them waiting for ever.
    connection.settimeout(_left(until))
    guard = connection.dup()
    timer = Timer(_left(until), _cut, [guard])
    timer.start()
    try:
        yield connection
    finally:
        timer.cancel()
        timer.join()
        connection.close()
        guard.close()


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.001)


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _seconds(retry_after: str | None) -> int | None:
    """Of a Retry-After: seconds, or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return int(retry_after[:9])
    with suppress(ValueError, OverflowError):
        return max(int(parsedate_to_datetime(retry_after).timestamp() - time.time()), 0)
    return None
