"""Serves a WSGI application on a port of this machine."""

import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from werkzeug.serving import WSGIRequestHandler, make_server

from local.aws import LOOPBACK

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

#: Where an application finds the headers as they came, since a WSGI environment loses their spelling.
RAW_HEADERS = "local.headers"


class PortTakenError(Exception):
    """Another program listens on the wanted port."""


def check_port(port: int) -> None:
    """Raise PortTakenError if a server could not listen on the port now."""
    _listen(port).close()


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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()  # it closes the socket as its last act


class _Handler(WSGIRequestHandler):
    def make_environ(self) -> "WSGIEnvironment":
        return {**super().make_environ(), RAW_HEADERS: self.headers.items()}

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The function's log tells what it was asked."""


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
