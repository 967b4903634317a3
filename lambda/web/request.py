"""A request, from whatever a function behind API Gateway is invoked with."""

import base64
import re
import time
import uuid
from typing import Any, Final

from runtime.aws import SLOWEST_CALL

#: Seconds after which API Gateway gives a request up; an HTTP API waits for one second more.
GATEWAY_TIMEOUT: Final = 29

_REQUEST_ID = re.compile(r"[\w-]{1,128}", re.ASCII)


class Request:
    """What the proxy events of both payload formats have in common; any other JSON value is taken for one.

    What is not there, or not of the kind it should be, is empty.
    """

    def __init__(self, event: Any, context: Any) -> None:
        #: When it arrived, in ms since the epoch.
        self.now = int(time.time() * 1000)
        #: The last moment, on the clock of `time.monotonic`, to begin one more call to AWS.
        limit = min(_remaining_seconds(context), GATEWAY_TIMEOUT)
        self.deadline = time.monotonic() + max(limit - SLOWEST_CALL, limit / 2)
        self._event = as_dict(event)
        self._gateway = as_dict(self._event.get("requestContext"))
        self.id = next(
            (
                candidate
                for candidate in (self._gateway.get("requestId"), getattr(context, "aws_request_id", None))
                if _REQUEST_ID.fullmatch(as_str(candidate))
            ),
            None,
        ) or str(uuid.uuid4())
        self.query = as_dict(self._event.get("queryStringParameters"))
        self.headers = {
            name.lower(): value
            for name, value in as_dict(self._event.get("headers")).items()
            if isinstance(name, str) and isinstance(value, str)
        }

    def raw_body(self) -> bytes:
        """The body as it was sent. Raises ValueError if the event's is not what it should be."""
        body = as_str(self._event.get("body"))
        if self._event.get("isBase64Encoded") is True:
            return base64.b64decode(body, validate=True)
        return body.encode()


def as_dict(value: Any) -> dict[Any, Any]:
    """`value` if it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_str(value: Any) -> str:
    """`value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def _remaining_seconds(context: Any) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return remaining() / 1000 if callable(remaining) else GATEWAY_TIMEOUT
