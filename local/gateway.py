"""Serves a deployed API on a port of this machine."""

import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from werkzeug.serving import WSGIRequestHandler, make_server

from local.aws import LOOPBACK
from local.deployed import read
from local.function import Function
from local.rest_api import RAW_HEADERS, RestApi

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class PortTakenError(Exception):
    """Another program listens on the wanted port."""


def check_port(port: int) -> None:
    """Raise PortTakenError if a gateway could not listen on the port now."""
    _listen(port).close()


class Gateway:
    """A deployed REST API, served while the context lasts.

    The API is read once, when this object is made: after another deployment make another one.

    Args:
        api_name: the API's name, which must be unique in its region.
        stage: the name of the stage to serve.
        endpoint: base URL of the embedded AWS.
        region: the API's region, for which requests must be signed.
        functions: the functions that the API integrates, by name.
        port: the port to listen on; 0 for a free one.
        log: gets a line for each answer that is the API's or a function's fault.

    Raises:
        PortTakenError: another program listens on the port.
        LookupError: there is no such API, stage or function.
        local.deployed.UnsupportedApiError: the API has what this gateway cannot do.
    """

    url: str
    """Where the stage is, for example ``http://127.0.0.1:8080/dev``."""

    def __init__(
        self,
        api_name: str,
        stage: str,
        *,
        endpoint: str,
        region: str,
        functions: Mapping[str, Function],
        port: int = 0,
        log: Callable[[str], None] = print,
    ) -> None:
        deployed = read(api_name, stage, endpoint=endpoint, region=region, functions=functions)
        self._api = RestApi(deployed, log)
        with _listen(port) as listener:
            self._server = make_server(
                LOOPBACK, port, self._api, threaded=True, request_handler=_Handler, fd=listener.fileno()
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}/{stage}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()  # it closes the socket as its last act
        self._api.close()


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
