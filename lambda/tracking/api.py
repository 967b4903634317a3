"""The routes of the signed tracking API."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import contract
from contract.routes import AS_OF, MAX_TIME, ORDER, OVERDUE, ROUTES, SINCE, STALLED, UNTIL, Route
from places.gazetteer import location_of
from runtime.settings import Settings, SettingsSource
from runtime.telemetry import Telemetry
from shipments.document import Fault, Invalid, Schema
from shipments.errors import Refused
from shipments.page import Page
from shipments.summary import summarize
from shipments.tracking_id import is_of_carrier, normalize
from shipments.update import MAX_TEXT, Update, check_field
from storage.shipments import ShipmentStore
from storage.updates import UpdateStore
from tracking.idempotency import FirstSeen
from tracking.rest_request import Request
from web import cursor, exact_json
from web.errors import CODES, ApiError, as_api_error
from web.query import after, choice, flagged, limit, next_key, number

#: Bytes of an answer, a little under Lambda's 6 MB.
_MAX_ANSWER = 5_500_000
#: Shipments of a batch that are worked on at a time.
_WORKERS = 10

Handler = Callable[["Api", Request, Settings], str]


class Api:
    """Answers requests; one at a time, as Lambda sends them."""

    def __init__(
        self,
        *,
        updates: UpdateStore,
        shipments: ShipmentStore,
        settings: SettingsSource,
        first_seen: FirstSeen,
        telemetry: Telemetry,
    ) -> None:
        self._updates = updates
        self._shipments = shipments
        self._settings = settings
        self._first_seen = first_seen
        self._update_schema = Schema(contract.UPDATE_SCHEMA)
        self._batch_schema = Schema(contract.BATCH_SCHEMA)
        self._telemetry = telemetry

    def answer(self, event: Any, context: Any) -> dict[str, Any]:
        """The answer to any event whatever, as API Gateway's proxy integration wants it."""
        request = Request(event, context)
        self._telemetry.start(request.id)
        status, name = 200, ""
        headers: Mapping[str, str] = {}
        try:
            route = _find(request)
            name = route.key
            with self._telemetry.trace(name):
                settings = self._settings.current()
                if route.flag and not settings.flags[route.flag]:
                    raise ApiError(403, f"The flag {route.flag} is off")
                body = _HANDLERS[name](self, request, settings)
        except Exception as error:
            problem = as_api_error(error, self._telemetry)
            status, headers = problem.status, problem.headers
            body = json.dumps(problem.body(request.id))
        self._report(name, status)
        return {
            "statusCode": status,
            "headers": {"Content-Type": "application/json", "X-Request-Id": request.id, **headers},
            "body": body,
            "isBase64Encoded": False,
        }

    def _report(self, route: str, status: int) -> None:
        reads = route.startswith("GET")
        if status >= 500:
            self._telemetry.count("StatusQueryFailed" if reads else "TrackingUpdateFailed")
        elif status >= 400:
            self._telemetry.count("RequestRefused")
        elif reads:
            self._telemetry.count("StatusQuerySuccess")
        self._telemetry.finish(route=route, status_code=status, code=CODES.get(status))

    def _track(self, request: Request, settings: Settings) -> str:
        document = request.document(min(settings.max_request_bytes, MAX_TEXT))
        update = Update.parse(document, self._update_schema, request.now, length=request.length)
        now = self._arrival(request, settings)
        timestamp = self._updates.put(update, now=now, arrived=request.now, deadline=request.deadline)
        self._telemetry.count("TrackingUpdateStored")
        self._telemetry.count(contract.UPDATES_METRICS[update.status])
        return json.dumps(_stored(update, timestamp))

    def _track_batch(self, request: Request, settings: Settings) -> str:
        envelope = request.document(settings.max_request_bytes)
        self._batch_schema.check(envelope)
        now = self._arrival(request, settings)

        def store(updates: list[tuple[int, Any]]) -> list[tuple[int, dict[str, Any] | Exception]]:
            outcomes: list[tuple[int, dict[str, Any] | Exception]] = []
            failed = False
            for index, document in updates:
                outcome: dict[str, Any] | Exception
                try:
                    update = Update.parse(document, self._update_schema, request.now, length=request.length)
                    if failed:
                        raise ApiError(
                            503, "An earlier update of the shipment failed; send the request again"
                        )
                    timestamp = self._updates.put(
                        update, now=now, arrived=request.now, deadline=request.deadline
                    )
                    outcome = _stored(update, timestamp)
                except (Invalid, Refused, ApiError) as error:
                    outcome = error
                except Exception as error:
                    outcome, failed = error, True
                outcomes.append((index, outcome))
            return outcomes

        # The updates of one shipment one after the other, so that they keep their order within a millisecond, and none
        # after one that failed: the retry would find its place taken, and store it behind what came after it.
        shipments = defaultdict(list)
        for index, document in enumerate(envelope["updates"]):
            shipments[_shipment_of(document)].append((index, document))
        with ThreadPoolExecutor(_WORKERS) as pool:
            outcomes = pool.map(store, shipments.values())
            in_order = [outcome for _, outcome in sorted(chain.from_iterable(outcomes), key=itemgetter(0))]
        results = [self._result(outcome, request.id) for outcome in in_order]
        answered = zip(envelope["updates"], results, strict=True)
        stored = [update["status"] for update, result in answered if result["status_code"] == 200]
        self._telemetry.count("TrackingUpdateStored", len(stored))
        for status, count in Counter(stored).items():
            self._telemetry.count(contract.UPDATES_METRICS[status], count)
        if failed := sum(result["status_code"] >= 500 for result in results):
            self._telemetry.count("TrackingUpdateFailed", failed)
        return json.dumps({"stored": len(stored), "refused": len(results) - len(stored), "results": results})

    def _result(self, outcome: dict[str, Any] | Exception, request_id: str) -> dict[str, Any]:
        if isinstance(outcome, Exception):
            problem = as_api_error(outcome, self._telemetry)
            return {"status_code": problem.status, **problem.body(request_id)}
        return {"status_code": 200, **outcome}

    def _arrival(self, request: Request, settings: Settings) -> int:
        """When the request, or the first one with its Idempotency-Key, arrived."""
        key = request.idempotency_key
        if key is None:
            return request.now
        body = request.body(settings.max_request_bytes)
        return self._first_seen.at([request.caller, request.path, key], body, now=request.now)

    def _status(self, request: Request, settings: Settings) -> str:
        tracking_id = self._parameter(request, "tracking_id")
        as_of = number(request.query, AS_OF)
        query: cursor.Query = ("status", tracking_id)
        if as_of < MAX_TIME:
            query += (as_of,)
        start = after(request.query, query)
        if start and is_of_carrier(start.tracking_id, normalize(tracking_id)):
            tracking_id = start.tracking_id

        def read(tracking_id: str) -> Page:
            return _located(
                self._updates.history(
                    tracking_id,
                    limit=limit(request.query),
                    after=start,
                    as_of=as_of,
                    deadline=request.deadline,
                )
            )

        page = read(tracking_id)
        if not (page.items or start) and (found := self._shipments.of_carrier(tracking_id)):
            page = read(tracking_id := found)
        enhanced, record = settings.flags["enhanced_tracking"], None
        # Else the page is the whole history, or the record knows what was not known then.
        if enhanced and as_of == MAX_TIME and (start or page.more):
            record = self._shipments.get(tracking_id)

        def answer(shown: Page) -> dict[str, Any]:
            found = shown.items[0]["tracking_id"] if shown.items else tracking_id
            listing = {"tracking_id": found, **_listing("updates", shown, query)}
            if enhanced:
                listing["summary"] = summarize(
                    shown.items,
                    record.shipment if record else None,
                    first=start is None,
                    last=not shown.more,
                    now=min(request.now, as_of),
                )
            return listing

        return _fitting(page, answer)

    def _with_status_once(self, request: Request, settings: Settings) -> str:
        status = self._parameter(request, "status")
        since = number(request.query, SINCE)
        until = number(request.query, UNTIL, minimum=since)
        query = ("updates", status, since, until)
        page = self._updates.with_status(
            status,
            since,
            until,
            limit=limit(request.query),
            deadline=request.deadline,
            after=after(request.query, query),
        )
        return _fitting(_located(page), lambda page: {"status": status, **_listing("updates", page, query)})

    def _listed(self, request: Request, settings: Settings) -> str:
        asked = [name for name in ("reference", "status") if name in request.query]
        asked += [flag.name for flag in (STALLED, OVERDUE) if flagged(request.query, flag)]
        if len(asked) > 1:
            fault = Fault(f"/{asked[-1]}", f"must not come with {asked[0]}")
            raise ApiError(400, f"Invalid request: {asked[-1]} {fault.detail}", [fault])
        if asked == ["reference"]:
            return self._with_reference(request)
        if asked and asked != ["status"]:
            return self._with_status(request, {asked[0]: True})
        if not request.query.get("status"):
            fault = Fault("/status", "is required, or reference, stalled or overdue")
            raise ApiError(400, "status parameter required, or reference, stalled or overdue", [fault])
        return self._with_status(request, {"status": self._parameter(request, "status")})

    def _with_reference(self, request: Request) -> str:
        if "order" in request.query:
            fault = Fault("/order", "must not come with reference")
            raise ApiError(400, f"Invalid request: order {fault.detail}", [fault])
        reference = normalize(str(request.query["reference"]))
        try:
            check_field("references", [reference], self._update_schema)
        except Invalid as error:
            raise Invalid([fault._replace(pointer="/reference") for fault in error.faults]) from None
        query = ("reference", reference)
        page = self._shipments.with_reference(
            reference,
            limit=limit(request.query),
            deadline=request.deadline,
            after=after(request.query, query),
        )
        found = _located(page._replace(items=[record.visible for record in page.items]))
        return exact_json.dumps({"reference": reference, **_listing("shipments", found, query)})

    def _with_status(self, request: Request, asked: dict[str, Any]) -> str:
        status = str(asked.get("status", next(iter(asked))))
        order = choice(request.query, ORDER, default="" if "status" in asked else "oldest")
        query = ("shipments", status, order)
        page = self._shipments.with_status(
            status,
            limit=limit(request.query),
            deadline=request.deadline,
            after=after(request.query, query),
            oldest_first=order == "oldest",
        )
        found = _located(page._replace(items=[record.visible for record in page.items]))
        return exact_json.dumps({**asked, **_listing("shipments", found, query)})

    def _shipment(self, request: Request, settings: Settings) -> str:
        tracking_id = request.last_segment
        check_field("tracking_id", tracking_id, self._update_schema)
        record = self._shipments.get(tracking_id)
        if record is None and (found := self._shipments.of_carrier(tracking_id)):
            record = self._shipments.get(found)
        if record is None:
            raise ApiError(404, "There is no shipment with this tracking id")
        return exact_json.dumps(record.visible | {"location": location_of(record.visible)})

    def _parameter(self, request: Request, name: str) -> str:
        value = request.query.get(name)
        if not value:
            raise ApiError(400, f"{name} parameter required", [Fault(f"/{name}", "is required")])
        check_field(name, value, self._update_schema)
        return str(value)


#: What answers each route.
_HANDLERS: Final[Mapping[str, Handler]] = {
    "POST /track": Api._track,
    "POST /track/batch": Api._track_batch,
    "GET /status": Api._status,
    "GET /updates": Api._with_status_once,
    "GET /shipments": Api._listed,
    "GET /shipments/{tracking_id}": Api._shipment,
}
#: The methods of each path.
_PATHS: Final[Mapping[str, Mapping[str, Route]]] = {
    path: {route.method: route for route in ROUTES if route.path == path}
    for path in {route.path for route in ROUTES}
}


def _find(request: Request) -> Route:
    path = request.path if request.path in _PATHS else request.resource
    methods = _PATHS.get(path)
    if methods is None:
        raise ApiError(404, "Not found")
    if request.method not in methods:
        raise ApiError(405, "Method not allowed", headers={"Allow": ", ".join(methods)})
    return methods[request.method]


def _stored(update: Update, timestamp: int) -> dict[str, Any]:
    return {
        "message": "Tracking update stored successfully",
        "tracking_id": update.tracking_id,
        "timestamp": timestamp,
    }


def _located(page: Page) -> Page:
    """With the locations that are shown, of updates or of shipments."""
    return page._replace(items=[item | {"location": location_of(item)} for item in page.items])


def _shipment_of(document: Any) -> str:
    return str(document.get("tracking_id")) if isinstance(document, dict) else ""


def _listing(name: str, page: Page, query: cursor.Query) -> dict[str, Any]:
    return {name: page.items, "count": len(page.items), **next_key(page, query)}


def _fitting(page: Page, answer: Callable[[Page], dict[str, Any]]) -> str:
    """The text of `answer(page)`, with as many of the page's updates as fit into it."""
    text = exact_json.dumps(answer(page))
    # Quotes and backslashes are escaped once more when Lambda sends the text as a part of its own JSON.
    if len(text) + text.count('"') + text.count("\\") <= _MAX_ANSWER:
        return text
    return _fitting(page.first(len(page.items) // 2), answer)
