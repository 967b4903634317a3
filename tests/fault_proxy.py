"""A proxy before the embedded AWS that counts the calls and can be made to fail."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Fault(Enum):
    """What may go wrong with a call. LOST means that AWS does what it is asked for, and its answer is lost."""

    THROTTLED = "throttled"
    BROKEN = "broken"
    RESET = "reset"
    LOST = "lost"
    HANGING = "hanging"


class FaultProxy:
    """Forwards calls to `target`.

    `calls` are the operations that came by, and `bodies` what was sent with each. `faults` are those of an
    operation's next calls, in order (None: it works), and `cut` those of all further ones. Whatever holds one of
    `broken` fails.
    """

    def __init__(self, target: str, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.target = urlsplit(target)
        self.calls: list[str] = []
        self.bodies: list[bytes] = []
        #: The error of what is throttled; DynamoDB has several, and SSM's is the same as this.
        self.throttle = "ThrottlingException"
        self.faults: dict[str, list[Fault | None]] = {}
        self.cut: dict[str, Fault] = {}
        self.broken: list[bytes] = []

    def next_fault(self, operation: str, body: bytes) -> Fault | None:
        """The fault that the call has, if any."""
        self.calls.append(operation)
        self.bodies.append(body)
        if any(part in body for part in self.broken):
            return Fault.BROKEN
        faults = self.faults.get(operation)
        return faults.pop(0) if faults else self.cut.get(operation)


@contextmanager
def open_fault_proxy(target: str) -> Iterator[FaultProxy]:
    """A proxy before `target` on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fault = proxy.next_fault(self.headers["X-Amz-Target"].partition(".")[2], body)
            match fault:
                case Fault.THROTTLED:
                    self._answer(400, json.dumps({"__type": f"com.amazonaws#{proxy.throttle}"}).encode())
                case Fault.BROKEN:
                    self._answer(500, json.dumps({"__type": "com.amazonaws#InternalServerError"}).encode())
                case Fault.RESET:
                    self._reset()
                case Fault.HANGING:
                    over.wait(8)
                    self._reset()
                case Fault.LOST:
                    self._forward(body)
                    self._reset()
                case None:
                    self._answer(*self._forward(body))

        def _forward(self, body: bytes) -> tuple[int, bytes]:
            connection = HTTPConnection(proxy.target.netloc, timeout=60)
            connection.request("POST", "/", body, dict(self.headers))
            response = connection.getresponse()
            content = response.read()
            connection.close()
            return response.status, content

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _reset(self) -> None:
            # Closing without lingering sends a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def handle(self) -> None:
            with suppress(ConnectionError, ValueError):  # the caller has given up, or we have
                super().handle()

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    over = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = FaultProxy(target, server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
