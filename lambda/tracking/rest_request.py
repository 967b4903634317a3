"""A request to the tracking API."""

from typing import Any
from urllib.parse import unquote

from shipments.document import Fault
from web import exact_json, request
from web.errors import ApiError
from web.request import as_dict, as_str

_MAX_KEY = 255


class Request(request.Request):
    """API Gateway's proxy event, payload format 1.0."""

    def __init__(self, event: Any, context: Any) -> None:
        super().__init__(event, context)
        self.method = as_str(self._event.get("httpMethod"))
        self.path = as_str(self._event.get("path"))
        #: The route's path without the base path of a custom domain.
        self.resource = as_str(self._event.get("resource"))
        #: The signer: of a role's sessions, which come and go, the role.
        self.caller = as_str(as_dict(self._gateway.get("identity")).get("user")).partition(":")[0]

    @property
    def last_segment(self) -> str:
        """The end of the path, decoded: API Gateway's REST APIs leave it as it was sent, in `pathParameters` too."""
        return unquote(self.path.rpartition("/")[2])

    @property
    def length(self) -> int:
        """Characters of the body as API Gateway sends it, which is never less than those of its text."""
        return len(as_str(self._event.get("body")))

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
        if not as_str(self._event.get("body")):
            raise ApiError(400, "A body is required", [Fault("", "is required")])
        try:
            raw = self.raw_body()
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
