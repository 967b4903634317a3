"""HTTP for botocore's clients, over connections that stay open.

botocore sends through urllib3, which with its pools, proxies and redirects takes a third of a warm call's CPU
time. Here the request is written at once, and the standard library reads the answer. All clients share one TLS
context, since each one parses all certificates anew.
"""

import io
import select
import socket
import ssl
import weakref
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import SplitResult, urlsplit

from botocore import exceptions
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import ensure_bytes
from botocore.httpsession import get_cert_path

_PORTS = {"http": 80, "https": 443}


class Connections:
    """Connections for many threads; none goes through a proxy.

    Args:
        connect_timeout, read_timeout: in seconds.
        certificates: the file of those to trust; None for what botocore ships.
    """

    def __init__(self, *, connect_timeout: float, read_timeout: float, certificates: str | None) -> None:
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._certificates = certificates
        self._idle: defaultdict[str, deque[socket.socket]] = defaultdict(deque)
        weakref.finalize(self, _close_all, self._idle)

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Handles botocore's event before-send. Raises what botocore's own session does."""
        url = urlsplit(request.url)
        idle = self._idle[url.netloc]
        try:
            connection = _take(idle) or self._connect(url)
        except ssl.SSLError as error:
            raise exceptions.SSLError(endpoint_url=request.url, error=error) from error
        except TimeoutError as error:
            raise exceptions.ConnectTimeoutError(endpoint_url=request.url, error=error) from error
        except OSError as error:
            raise exceptions.EndpointConnectionError(endpoint_url=request.url, error=error) from error
        response = HTTPResponse(connection, method=request.method)
        try:
            connection.sendall(_message(request, url))
            response.begin()
            if response.length is None and not response.chunked:
                raise HTTPException("nothing tells whether the answer is whole")
            body = _Body(response.read())
        except BaseException as error:
            response.close()  # it holds the connection open
            connection.close()
            _close(idle)  # after a pause of the function they are as dead, and a call has but few attempts
            if isinstance(error, TimeoutError):
                raise exceptions.ReadTimeoutError(endpoint_url=request.url, error=error) from error
            if isinstance(error, OSError | HTTPException):
                raise exceptions.ConnectionClosedError(endpoint_url=request.url, error=error) from error
            raise
        if response.will_close:
            connection.close()
        else:
            idle.append(connection)
        return AWSResponse(request.url, response.status, response.headers, body)

    def _connect(self, url: SplitResult) -> socket.socket:
        host, port = url.hostname or "", url.port or _PORTS[url.scheme]
        connection = socket.create_connection((host, port), self._connect_timeout)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if url.scheme == "https":
                connection = _context(self._certificates).wrap_socket(connection, server_hostname=host)
            connection.settimeout(self._read_timeout)
        except BaseException:
            connection.close()
            raise
        return connection


class _Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        """What botocore asks a response's body for."""
        yield self.getvalue()


def _take(idle: deque[socket.socket]) -> socket.socket | None:
    while idle:
        try:
            connection = idle.pop()
        except IndexError:  # another thread was faster
            break
        # There is nothing to read before a request, but for the end.
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        if not poll.poll(0):
            return connection
        connection.close()
    return None


def _close(idle: deque[socket.socket]) -> None:
    with suppress(IndexError):  # it is empty, perhaps because another thread was faster
        while True:
            idle.pop().close()


def _close_all(idle: dict[str, deque[socket.socket]]) -> None:
    for connections in idle.values():
        _close(connections)


def _message(request: AWSPreparedRequest, url: SplitResult) -> bytes:
    """The request on the wire; no header but the host's is missing."""
    target = f"{url.path}?{url.query}" if url.query else url.path
    # As it is signed.
    host = url.netloc.lower().removesuffix(f":{_PORTS[url.scheme]}")
    lines = [f"{request.method} {target} HTTP/1.1\r\nHost: {host}".encode()]
    for name, value in request.headers.items():
        lines.append(b"%s: %s" % (name.encode(), ensure_bytes(value)))
    return b"\r\n".join([*lines, b"", ensure_bytes(request.body or b"")])


@cache
def _context(certificates: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates or get_cert_path(True))
