"""Takes what a sender sends and tells what would become of it, with the code that takes it in AWS; stores nothing."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from threading import Event, Lock
from typing import TYPE_CHECKING, Final

from werkzeug.wrappers import Response

import contract
from inbound.api import MAX_BODY, Source
from local.server import HttpRequest
from shipments.document import Schema
from shipments.update import Update
from tools.certify.report import NOT_CHECKED, RIGHT, WRONG, Result, printable
from web.errors import ApiError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Seconds after which a message that was not taken may come again.
RETRY_AFTER: Final = 1
#: Reasons of a message that are told.
_MAX_REASONS = 3


class Capture:
    """The WSGI application that a sender sends to. The first message with an update is not taken the first time.

    Args:
        source: the sender.
        secret: what it proves itself with.
        count: of messages after which it is `done`; 0 for never.
        tell: is given each result.
    """

    def __init__(self, source: Source, secret: str, count: int, tell: Callable[[Result], None]) -> None:
        self._source, self._secret, self._count, self._tell = source, secret, count, tell
        self._schema = Schema(contract.UPDATE_SCHEMA)
        self._lock = Lock()
        self._messages = 0
        self._updates: list[Update] = []
        self._put_off: list[Update] = []
        """Those of the message that was not taken."""
        self._came_again = False
        self.done = Event()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answers as POST /inbound/{source} does."""
        request = HttpRequest.read(environ, MAX_BODY)
        with self._lock:
            response = self._answer(request)
            if self._count and self._messages >= self._count:
                # Not before the answer was sent.
                response.call_on_close(self.done.set)
        return response(environ, start_response)

    def _answer(self, request: HttpRequest) -> Response:
        headers = {name.lower(): value for name, value in request.headers}
        now = int(time.time() * 1000)
        try:
            if request.method != "POST":
                raise ApiError(405, "It is sent by another method than POST")
            self._source.check(headers, request.body, [self._secret], now)
        except ApiError as error:
            advice = f"; {self._missing(headers)}" if error.status == 401 else ""
            self._told(WRONG, f"{error.status}: {error}{advice}.")
            return _response(error.status, {"error": error.error})
        updates, reasons = self._source.read(request.body, self._schema, now)
        if updates and not self._put_off:
            self._put_off = updates
            return _response(503, {"error": "Send it again"}, {"Retry-After": str(RETRY_AFTER)})
        self._came_again = self._came_again or updates == self._put_off
        self._updates += updates
        said = [f"{update.tracking_id} {update.status}" for update in updates] or ["no update"]
        said += reasons[:_MAX_REASONS]
        if len(reasons) > _MAX_REASONS:
            said.append(f"and {len(reasons) - _MAX_REASONS} more")
        self._told(WRONG if reasons else RIGHT, f"202: {'; '.join(said)}.")
        return _response(202, {"stored": len(updates), "kept": len(reasons)})

    def _told(self, outcome: str, said: str) -> None:
        self._messages += 1
        self._tell(Result(f"message {self._messages}", outcome, printable(said)))

    def _missing(self, headers: dict[str, str]) -> str:
        proof = self._source.proof
        names = [
            proof.get("header", "authorization"),
            *([proof["timestamp"]] if "timestamp" in proof else []),
        ]
        if missing := [name for name in names if name not in headers]:
            return f"it lacks the header {' and '.join(missing)}"
        return f"SECRET, the clock, or what is made of them for {' and '.join(names)} is another"

    def conclude(self) -> Sequence[Result]:
        """What is known only after all messages."""
        with self._lock:
            return [self._retries(), self._times()]

    def _retries(self) -> Result:
        name = "sent again after 503"
        if not self._put_off:
            return Result(name, NOT_CHECKED, "there was no update.")
        if self._came_again:
            return Result(name, RIGHT, "the message that was not taken came again.")
        return Result(
            name, WRONG, "the message that was not taken did not come again; send what is answered 5xx again."
        )

    def _times(self) -> Result:
        name = "doubled and out of order"
        if not self._updates:
            return Result(name, NOT_CHECKED, "there was no update.")
        latest: dict[str, int] = {}
        late = 0
        for update in self._updates:
            moment = update.event_time or 0
            late += moment < latest.get(update.tracking_id, 0)
            latest[update.tracking_id] = max(moment, latest.get(update.tracking_id, 0))
        said = f"{late} of {len(self._updates)} updates came after a newer one; each has its time, so it is no matter."
        return Result(name, RIGHT, said)


def _response(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, content_type="application/json")
