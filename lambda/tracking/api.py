"""The signed tracking API: finds what answers a request."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import contract
from contract.routes import ROUTES, Route
from runtime.settings import Settings, SettingsSource
from runtime.telemetry import Telemetry
from shipments.document import Schema
from storage.shipments import ShipmentStore
from storage.updates import UpdateStore
from tracking.idempotency import FirstSeen
from tracking.queries import QueryRoutes
from tracking.rest_request import Request
from tracking.track import TrackRoutes
from web.errors import CODES, ApiError, as_api_error

Handler = Callable[[Request, Settings], str]


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
        self._settings = settings
        self._telemetry = telemetry
        schema = Schema(contract.UPDATE_SCHEMA)
        track = TrackRoutes(updates, first_seen, telemetry, schema)
        queries = QueryRoutes(updates, shipments, schema)
        self._handlers: Mapping[str, Handler] = {
            "POST /track": track.one,
            "POST /track/batch": track.batch,
            "GET /status": queries.history,
            "GET /updates": queries.updates,
            "GET /shipments": queries.shipments,
            "GET /shipments/{tracking_id}": queries.shipment,
        }

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
                body = self._handlers[name](request, settings)
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
