"""A request to the public API."""

import re
from typing import Any, Final

from web import exact_json, request
from web.errors import ApiError
from web.request import as_dict, as_str

#: Bytes of a body, which is sent back: together with the answer's own text it must stay below Lambda's 6 MB.
MAX_BODY: Final = 2**20

_QUALITY = re.compile(r"[01](\.[0-9]{0,3})?")


class Request(request.Request):
    """An HTTP API's proxy event, payload format 2.0."""

    def __init__(self, event: Any, context: Any) -> None:
        super().__init__(event, context)
        self.method = as_str(as_dict(self._gateway.get("http")).get("method"))
        stage = as_str(self._gateway.get("stage"))
        path = as_str(self._event.get("rawPath"))
        #: What the path of every link starts with: a stage other than $default stands in the path.
        self.prefix = f"/{stage}" if stage and f"{path}/".startswith(f"/{stage}/") else ""
        #: Without the prefix. An HTTP API has decoded it, for all that it is called raw.
        self.path = path.removeprefix(self.prefix) or "/"
        #: Whether the client would rather have HTML than JSON.
        self.prefers_html = _prefers_html(self.headers.get("accept", ""))

    def json_text(self) -> str:
        """The body, which is JSON. Raises ApiError."""
        try:
            raw = self.raw_body()
            if len(raw) > MAX_BODY:
                raise ApiError(413, f"The body has more than {MAX_BODY} bytes")
            text = raw.decode()
            exact_json.loads(text)
        except ValueError:
            raise ApiError(400, "Invalid JSON in request body") from None
        return text

    def has(self, etag: str) -> bool:
        """Whether the client has the content with this ETag, by its If-None-Match (RFC 9110, 13.1.2)."""
        known = self.headers.get("if-none-match", "")
        return known.strip() == "*" or etag in re.findall(r'"[^"]*"', known)


def _prefers_html(accept: str) -> bool:
    """By the qualities that an Accept header gives (RFC 9110, 12.5.1); if they are equal, it is JSON."""
    ranges = dict(map(_media_range, accept.lower().split(",")))

    def quality(kind: str) -> float:
        names = (kind, f"{kind.partition('/')[0]}/*", "*/*")
        return next((ranges[name] for name in names if name in ranges), 0)

    return quality("text/html") > quality("application/json")


def _media_range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in text.split(";"))
    quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    return name, float(quality) if _QUALITY.fullmatch(quality) else 0
