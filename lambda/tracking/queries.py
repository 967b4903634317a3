"""The routes that read shipments and their histories."""

from collections.abc import Callable
from typing import Any, Final

from contract.routes import AS_OF, MAX_TIME, ORDER, OVERDUE, SINCE, STALLED, UNTIL
from places.gazetteer import location_of
from runtime.settings import Settings
from shipments.document import Fault, Invalid, Schema
from shipments.page import Page
from shipments.summary import summarize
from shipments.tracking_id import is_of_carrier, normalize
from shipments.update import check_field
from storage.shipments import ShipmentStore
from storage.updates import UpdateStore
from tracking.rest_request import Request
from web import cursor, exact_json
from web.errors import ApiError
from web.query import after, choice, flagged, limit, next_key, number

#: Bytes of an answer, a little under Lambda's 6 MB.
_MAX_ANSWER: Final = 5_500_000


class QueryRoutes:
    """Each method answers a route with the text of a body, or raises what `web.errors` knows.

    Args:
        schema: of an update, whose fields are what is asked for.
    """

    def __init__(self, updates: UpdateStore, shipments: ShipmentStore, schema: Schema) -> None:
        self._updates = updates
        self._shipments = shipments
        self._update_schema = schema

    def history(self, request: Request, settings: Settings) -> str:
        """GET /status."""
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

    def updates(self, request: Request, settings: Settings) -> str:
        """GET /updates."""
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

    def shipments(self, request: Request, settings: Settings) -> str:
        """GET /shipments."""
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

    def shipment(self, request: Request, settings: Settings) -> str:
        """GET /shipments/{tracking_id}."""
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


def _located(page: Page) -> Page:
    """With the locations that are shown, of updates or of shipments."""
    return page._replace(items=[item | {"location": location_of(item)} for item in page.items])


def _listing(name: str, page: Page, query: cursor.Query) -> dict[str, Any]:
    return {name: page.items, "count": len(page.items), **next_key(page, query)}


def _fitting(page: Page, answer: Callable[[Page], dict[str, Any]]) -> str:
    """The text of `answer(page)`, with as many of the page's updates as fit into it."""
    text = exact_json.dumps(answer(page))
    # Quotes and backslashes are escaped once more when Lambda sends the text as a part of its own JSON.
    if len(text) + text.count('"') + text.count("\\") <= _MAX_ANSWER:
        return text
    return _fitting(page.first(len(page.items) // 2), answer)
