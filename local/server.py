"""Serves a WSGI application on a port of this machine, and reads its requests as they came."""

import socket
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

from local.aws import LOOPBACK
from local.function import trace_id

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

#: Where an application finds the headers as they came, since a WSGI environment loses their spelling.
RAW_HEADERS = "local.headers"

Pairs = Sequence[tuple[str, str]]


class PortTakenError(Exception):
    """Another program listens on the wanted port."""


def check_port(port: int) -> None:
    """Raise PortTakenError if a server could not listen on the port now."""
    _listen(port).close()


@dataclass(kw_only=True)
class HttpRequest:
    """A request as it came over the wire, and what a gateway notes about it."""

    method: str
    path: str
    """Still encoded, as is the query."""
    query: str
    headers: Pairs
    """In their order and spelling."""
    body: bytes
    address: str
    protocol: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    trace: str = field(default_factory=trace_id)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    cold: bool = False
    """Whether a function's process was started for it."""
    fault: object = ""
    """Why it got a 5xx from the gateway."""

    @classmethod
    def read(cls, environ: "WSGIEnvironment", most_bytes: int) -> Self:
        """A request that was given to `Server`, with one byte too many if its body is longer than that."""
        path, _, query = environ["REQUEST_URI"].partition("?")
        return cls(
            method=environ["REQUEST_METHOD"],
            path=path,
            query=query,
            headers=environ[RAW_HEADERS],
            body=get_input_stream(environ).read(most_bytes + 1),
            address=environ["REMOTE_ADDR"],
            protocol=environ["SERVER_PROTOCOL"],
        )

    def header(self, name: str) -> str | None:
        """The first header with this name, which is in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def host(self) -> str:
        """Name and port."""
        return self.header("host") or ""


class Server:
    """Serves an application, many requests at a time, while the context lasts.

    Args:
        application: what answers.
        port: the port to listen on; 0 for a free one.

    Raises:
        PortTakenError: another program listens on the port.
    """

    url: str
    """Its root, for example ``http://127.0.0.1:8080``."""

    def __init__(self, application: "WSGIApplication", port: int = 0) -> None:
        with _listen(port) as listener:
            self._server = make_server(
                LOOPBACK, port, application, threaded=True, request_handler=_Handler, fd=listener.fileno()
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()  # it closes the socket as its last act


class _Handler(WSGIRequestHandler):
    def make_environ(self) -> "WSGIEnvironment":
        return {**super().make_environ(), RAW_HEADERS: self.headers.items()}

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The application logs its requests."""


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise PortTakenError(f"Port {port} cannot be used: {error.strerror}. Choose another one.") from error
    listener.listen(128)
    return listener
