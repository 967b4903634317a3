"""Receivers of webhooks: one as the documentation has it, and wrong ones, each in one thing."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from typing import Any, ClassVar

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from tests.senders import SECRET


class Shop(BaseHTTPRequestHandler):
    """A receiver as the documentation has it."""

    secret = SECRET
    known: dict[str, dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            message = self.verified(body, headers)
        except WebhookVerificationError:
            self.answer(401)
        else:
            self.answer(self.take(headers["webhook-id"], message.get("data", message)))

    def do_GET(self) -> None:
        found = self.known.get(self.path.removeprefix("/"), {})
        wanted = ("tracking_id", "version", "status")
        self.answer(200, json.dumps({name: found.get(name) for name in wanted}).encode())

    def verified(self, body: bytes, headers: dict[str, str]) -> Any:
        """What is sent. Raises WebhookVerificationError."""
        return Webhook(self.secret).verify(body, headers)

    def take(self, id: str, message: dict[str, Any]) -> int:
        """Keeps it, and gives the status of the answer."""
        if message["version"] > self.known.get(message["tracking_id"], {"version": 0})["version"]:
            self.known[message["tracking_id"]] = message
        return 204

    def answer(self, status: int, body: bytes = b"") -> None:
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Trusting(Shop):
    def verified(self, body: bytes, headers: dict[str, str]) -> Any:
        return json.loads(body)


class Timeless(Shop):
    """Signs anew at the time that it is told, without looking whether that is long ago."""

    def verified(self, body: bytes, headers: dict[str, str]) -> Any:
        moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        signature = Webhook(self.secret).sign(headers["webhook-id"], moment, body.decode())
        if signature not in headers.get("webhook-signature", "").split():
            raise WebhookVerificationError
        return json.loads(body)


class OneSignature(Shop):
    def verified(self, body: bytes, headers: dict[str, str]) -> Any:
        first = headers.get("webhook-signature", "").partition(" ")[0]
        return super().verified(body, headers | {"webhook-signature": first})


class Reserialized(Shop):
    """Verifies what it parsed, which is not what was sent."""

    def verified(self, body: bytes, headers: dict[str, str]) -> Any:
        return super().verified(json.dumps(json.loads(body), indent=1).encode(), headers)


class Once(Shop):
    seen: set[str]

    def take(self, id: str, message: dict[str, Any]) -> int:
        if id in self.seen:
            return 409
        self.seen.add(id)
        return super().take(id, message)


class Ordered(Shop):
    def take(self, id: str, message: dict[str, Any]) -> int:
        known = self.known.get(message["tracking_id"])
        if known and message["version"] < known["version"]:
            return 409
        return super().take(id, message)


class Strict(Shop):
    def take(self, id: str, message: dict[str, Any]) -> int:
        return 422 if "certify" in message else super().take(id, message)


class Eventful(Shop):
    def take(self, id: str, message: dict[str, Any]) -> int:
        return 400 if message["event"] == "certify" else super().take(id, message)


class Newest(Shop):
    """Keeps what came last."""

    def take(self, id: str, message: dict[str, Any]) -> int:
        self.known[message["tracking_id"]] = message
        return 200


class Credulous(Shop):
    """Refuses what is wrong, after it has kept it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.rfile = BytesIO(body)
        self.take("", json.loads(body))
        super().do_POST()


class Failing(Shop):
    def verified(self, body: bytes, headers: dict[str, str]) -> Any:
        try:
            return super().verified(body, headers)
        except WebhookVerificationError:
            return {"refused": True}

    def take(self, id: str, message: dict[str, Any]) -> int:
        return 500 if "refused" in message else super().take(id, message)


class Final(Shop):
    def take(self, id: str, message: dict[str, Any]) -> int:
        known = self.known.get(message["tracking_id"], {})
        return 204 if known.get("status") in ("delivered", "failed") else super().take(id, message)


class Slow(Shop):
    def take(self, id: str, message: dict[str, Any]) -> int:
        time.sleep(0.6)
        return super().take(id, message)


class Redirecting(Shop):
    def take(self, id: str, message: dict[str, Any]) -> int:
        return 307


class Loud(Shop):
    """Says what may stand in no XML, and what would speak to the terminal."""

    def take(self, id: str, message: dict[str, Any]) -> int:
        self.answer(400, b"\x1b[31m\x00no\n\xff" * 99)
        return 400


class Recording(Shop):
    bodies: ClassVar[dict[str, set[bytes]]] = {}

    def verified(self, body: bytes, headers: dict[str, str]) -> Any:
        message = super().verified(body, headers)
        self.bodies.setdefault(headers["webhook-id"], set()).add(body)
        return message
