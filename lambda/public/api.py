"""The routes of the public API."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Final
from urllib.parse import quote

import contract
from places.gazetteer import country_of, location_of
from public import page
from public.http_request import Request
from runtime.telemetry import Telemetry
from shipments.document import Schema
from shipments.page import Page
from shipments.shipment import Estimate
from shipments.tracking_id import is_of_carrier, normalize
from shipments.update import check_field
from storage.shipments import ShipmentStore
from storage.updates import UpdateStore
from web.errors import CODES, ApiError, as_api_error
from web.query import after, limit, next_key

METHODS: Final = "DELETE, GET, HEAD, OPTIONS, POST, PUT"

#: Of a position; 0.01 degrees are at most 1.1 km.
_DECIMALS = 2
#: Seconds for which an answer about a shipment may be shown again.
_MAX_AGE = 5
#: API Gateway adds CORS headers to an answer where there is an Origin, so a cache must not give it one without them.
_COMMON = {"Vary": "Accept, Origin", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_SHIPMENTS = "/shipments/"

Answer = dict[str, Any]


class Api:
    """Answers requests; one at a time, as Lambda sends them. Without a store it knows of no shipments.

    Args:
        store: the updates.
        records: the shipments' records, if there is a store.
    """

    def __init__(
        self,
        *,
        store: UpdateStore | None,
        records: ShipmentStore | None,
        environment: str,
        region: str,
        telemetry: Telemetry,
    ) -> None:
        self._store, self._records = store, records
        self._place = {"environment": environment, "region": region}
        self._schema = Schema(contract.UPDATE_SCHEMA)
        self._telemetry = telemetry

    def answer(self, event: Any, context: Any) -> Answer:
        """The answer to any event whatever, as an HTTP API wants it (payload format 2.0)."""
        request = Request(event, context)
        self._telemetry.start(request.id)
        name = ""
        try:
            name, route = self._find(request)
            answer = route(request)
        except Exception as error:
            answer = self._refuse(request, error)
        if request.method == "HEAD":
            answer["body"] = ""
        answer["headers"]["X-Request-Id"] = request.id
        status = answer["statusCode"]
        self._telemetry.count(
            "RequestFailed" if status >= 500 else "RequestRefused" if status >= 400 else "RequestServed"
        )
        self._telemetry.finish(route=name, status_code=status, code=CODES.get(status))
        return answer

    def _find(self, request: Request) -> tuple[str, Callable[[Request], Answer]]:
        match request.method:
            case "GET" | "HEAD":
                return self._find_document(request)
            case "POST" | "PUT":
                return request.method, self._echo
            case "DELETE":
                return request.method, self._delete
            case "OPTIONS":
                # API Gateway answers it itself while it has a CORS configuration.
                return request.method, lambda _: _answer(200, "", {"Allow": METHODS})
            case _:
                raise ApiError(405, "Method not allowed", headers={"Allow": METHODS})

    def _find_document(self, request: Request) -> tuple[str, Callable[[Request], Answer]]:
        match request.path:
            case "/" if self._shows_page(request):
                return "GET /", self._home
            case "/" | "/health":
                return "GET /health", self._health
            case "/info":
                return "GET /info", self._info
            case path if self._store and _is_shipment(path):
                return "GET /shipments/{tracking_id}", self._shipment
            case _:
                raise ApiError(404, "Endpoint not found")

    def _shows_page(self, request: Request) -> bool:
        """Whether the answer is HTML, be it an error."""
        return (
            self._store is not None
            and request.prefers_html
            and request.method in ("GET", "HEAD")
            and (request.path == "/" or _is_shipment(request.path))
        )

    def _refuse(self, request: Request, error: Exception) -> Answer:
        problem = as_api_error(error, self._telemetry)
        if not self._shows_page(request):
            return _answer(problem.status, json.dumps(problem.body(request.id)), problem.headers)
        if problem.status == 404:
            text = page.missing(_tracking_id(request))
        elif problem.status == 409:
            text = page.choice(_tracking_id(request), [fault.detail for fault in problem.faults])
        else:
            text = page.failure() if problem.status >= 500 else page.invalid()
        return _answer(problem.status, text, problem.headers, html=True)

    def _home(self, request: Request) -> Answer:
        if tracking_id := str(request.query.get("tracking_id", "")).strip():
            place = f"{request.prefix}{_SHIPMENTS}{quote(tracking_id, safe='', errors='replace')}"
            return _answer(303, "", {"Location": place})
        return _document(request, page.version(), page.home, html=True)

    def _health(self, request: Request) -> Answer:
        return _json({"status": "healthy", "timestamp": _time(request), **self._place})

    def _info(self, request: Request) -> Answer:
        service = {"service": "shipment-tracking", "version": contract.VERSION}
        return _json({**service, **self._place, "timestamp": _time(request)})

    def _shipment(self, request: Request) -> Answer:
        assert self._store is not None  # noqa: S101 (for the type checker)
        tracking_id = _tracking_id(request)
        check_field("tracking_id", tracking_id, self._schema)
        query = ("shipment", tracking_id)
        start = after(request.query, query)
        if start and is_of_carrier(start.tracking_id, normalize(tracking_id)):
            tracking_id = start.tracking_id
        found = self._store.history(tracking_id, limit=limit(request.query), after=start)
        if not found.items and not start and self._records:
            other = self._records.of_carrier(tracking_id)
            found = self._store.history(other, limit=limit(request.query)) if other else found
        newest = (self._store.history(tracking_id, limit=1) if start else found).items
        if not newest:
            raise ApiError(404, "There is no shipment with this tracking id")
        estimate = self._estimate(found, whole=start is None and not found.more)
        body = {
            "tracking_id": newest[0]["tracking_id"],
            "status": newest[0]["status"],
            **({} if estimate is None else {"estimated_delivery": estimate}),
            "updates": [_visible(update) for update in found.items],
            "count": len(found.items),
            **next_key(found, query),
        }
        text, older = json.dumps(body), start is not None
        if not self._shows_page(request):
            return _document(request, text, lambda: text)
        news = page.news(body, newest=newest[0]["timestamp"], now=request.now)
        version = f"{page.version()} {older} {news} {text}"
        return _document(request, version, lambda: page.shipment(body, older=older, news=news), html=True)

    def _estimate(self, found: Page, *, whole: bool) -> Estimate | None:
        """The newest one: of the page, or of the record, which may be behind, if the page is not the whole history."""
        key = "estimated_delivery"
        known = [(update["timestamp"], update[key]) for update in found.items if key in update]
        if not whole and self._records and found.items:
            record = self._records.get(found.items[0]["tracking_id"])
            if record and record.shipment.estimated_at is not None:
                known.append((record.shipment.estimated_at, record.shipment.estimated_delivery))
        return max(known, key=itemgetter(0), default=(0, None))[1]

    def _echo(self, request: Request) -> Answer:
        text = request.json_text()
        report = json.dumps({**_received(request), "timestamp": _time(request)})
        # The text as it was sent, since parsing and writing it may change its numbers.
        return _answer(200, f'{report[:-1]}, "data": {text}}}')

    def _delete(self, request: Request) -> Answer:
        return _json({**_received(request), "timestamp": _time(request)})


def _is_shipment(path: str) -> bool:
    return path.startswith(_SHIPMENTS) and path != _SHIPMENTS


def _tracking_id(request: Request) -> str:
    return request.path.removeprefix(_SHIPMENTS)


def _visible(update: dict[str, Any]) -> dict[str, Any]:
    """What a stranger may see of an update."""
    visible = {"status": update["status"], "timestamp": update["timestamp"]}
    location = location_of(update)
    if location:
        # Adding 0.0 makes 0.0 of -0.0.
        location |= {axis: round(float(location[axis]), _DECIMALS) + 0.0 for axis in ("lat", "lng")}
    place = update.get("place", {})
    named = {"city": place.get("city"), "region": place.get("region"), "country": country_of(place)}
    known = {name: value for name, value in named.items() if value}
    reason = {"reason": update["reason"]} if "reason" in update else {}
    return visible | {"location": location} | ({"place": known} if known else {}) | reason


def _received(request: Request) -> dict[str, str]:
    return {"message": f"{request.method} request received", "path": request.path}


def _time(request: Request) -> str:
    return datetime.fromtimestamp(request.now / 1000, UTC).isoformat(timespec="milliseconds")


def _document(request: Request, version: str, render: Callable[[], str], *, html: bool = False) -> Answer:
    """What a client may keep, and ask whether it has changed: its text is another if `version` is."""
    etag = f'"{hashlib.sha256(version.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": f"public, max-age={_MAX_AGE}"}
    status, body = (304, "") if request.has(etag) else (200, render())
    return _answer(status, body, headers, html=html)


def _json(body: dict[str, str]) -> Answer:
    return _answer(200, json.dumps(body))


def _answer(status: int, text: str, headers: Mapping[str, str] = {}, *, html: bool = False) -> Answer:
    kind = {"Content-Type": "text/html; charset=utf-8" if html else "application/json"}
    return {
        "statusCode": status,
        "headers": {**kind, **_COMMON, **(page.headers() if html else {}), **headers},
        "body": text,
        "isBase64Encoded": False,
    }
