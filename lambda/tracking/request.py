"""A request, from whatever the function is invoked with."""

import base64
import re
import time
import uuid
from typing import Any, Final

from shipments import exact_json
from shipments.clients import SLOWEST_CALL
from shipments.update import Fault
from tracking.errors import ApiError

#: Seconds after which API Gateway gives a request up.
GATEWAY_TIMEOUT: Final = 29

_REQUEST_ID = re.compile(r"[\w-]{1,128}", re.ASCII)
_MAX_KEY = 255


class Request:
    """API Gateway's proxy event (payload format 1.0), or any other JSON value taken for one.

    What is not there, or not of the kind it should be, is empty.
    """

    def __init__(self, event: Any, context: Any) -> None:
        #: When it arrived, in ms since the epoch.
        self.now = int(time.time() * 1000)
        self.remaining_seconds = _remaining_seconds(context)
        #: The last moment, on the clock of `time.monotonic`, to begin one more call to AWS.
        limit = min(self.remaining_seconds, GATEWAY_TIMEOUT)
        self.deadline = time.monotonic() + max(limit - SLOWEST_CALL, limit / 2)
        self._event = _dict(event)
        gateway = _dict(self._event.get("requestContext"))
        self.id = next(
            (
                candidate
                for candidate in (gateway.get("requestId"), getattr(context, "aws_request_id", None))
                if _REQUEST_ID.fullmatch(_str(candidate))
            ),
            None,
        ) or str(uuid.uuid4())
        self.method = _str(self._event.get("httpMethod"))
        self.path = _str(self._event.get("path"))
        #: The route's path without the base path of a custom domain.
        self.resource = _str(self._event.get("resource"))
        self.query = _dict(self._event.get("queryStringParameters"))
        self.headers = {
            name.lower(): value
            for name, value in _dict(self._event.get("headers")).items()
            if isinstance(name, str) and isinstance(value, str)
        }
        #: The signer: of a role's sessions, which come and go, the role.
        self.caller = _str(_dict(gateway.get("identity")).get("user")).partition(":")[0]

    @property
    def idempotency_key(self) -> str | None:
        """The header's value, if there is one. Raises ApiError if it is too long or not printable ASCII."""
        key = self.headers.get("idempotency-key")
        if key is not None and not (0 < len(key) <= _MAX_KEY and key.isascii() and key.isprintable()):
            raise ApiError(400, f"Idempotency-Key must be 1 to {_MAX_KEY} printable ASCII characters")
        return key

    def body(self, max_bytes: int) -> str:
        """The text of the body. Raises ApiError."""
        media_type = self.headers.get("content-type", "application/json").partition(";")[0]
        if media_type.strip().lower() != "application/json":
            raise ApiError(415, "The body must be application/json")
        body = self._event.get("body")
        if not isinstance(body, str) or not body:
            raise ApiError(400, "A body is required", [Fault("", "is required")])
        try:
            raw = (
                base64.b64decode(body, validate=True)
                if self._event.get("isBase64Encoded") is True
                else body.encode()
            )
            if len(raw) > max_bytes:
                raise ApiError(413, f"The body has more than {max_bytes} bytes")
            return raw.decode()
        except ValueError:
            raise ApiError(400, "The body must be UTF-8 text", [Fault("", "is not UTF-8 text")]) from None

    def document(self, max_bytes: int) -> Any:
        """The JSON value in the body. Raises ApiError."""
        try:
            return exact_json.loads(self.body(max_bytes))
        except ValueError as error:
            raise ApiError(400, "The body must be JSON", [Fault("", str(error))]) from None


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _remaining_seconds(context: Any) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return remaining() / 1000 if callable(remaining) else GATEWAY_TIMEOUT
