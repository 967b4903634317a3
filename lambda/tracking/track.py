"""The routes that store updates."""

import json
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import contract
from runtime.settings import Settings
from runtime.telemetry import Telemetry
from shipments.document import Invalid, Schema
from shipments.errors import Refused
from shipments.update import MAX_TEXT, Update
from storage.updates import UpdateStore
from tracking.idempotency import FirstSeen
from tracking.rest_request import Request
from web.errors import ApiError, as_api_error

#: Shipments of a batch that are worked on at a time.
_WORKERS: Final = 10


class TrackRoutes:
    """Each method answers a route with the text of a body, or raises what `web.errors` knows.

    Args:
        schema: of an update.
    """

    def __init__(
        self, updates: UpdateStore, first_seen: FirstSeen, telemetry: Telemetry, schema: Schema
    ) -> None:
        self._updates = updates
        self._first_seen = first_seen
        self._telemetry = telemetry
        self._update_schema = schema
        self._batch_schema = Schema(contract.BATCH_SCHEMA)

    def one(self, request: Request, settings: Settings) -> str:
        """POST /track."""
        document = request.document(min(settings.max_request_bytes, MAX_TEXT))
        update = Update.parse(document, self._update_schema, request.now, length=request.length)
        now = self._arrival(request, settings)
        timestamp = self._updates.put(update, now=now, arrived=request.now, deadline=request.deadline)
        self._telemetry.count("TrackingUpdateStored")
        self._telemetry.count(contract.UPDATES_METRICS[update.status])
        return json.dumps(_stored(update, timestamp))

    def batch(self, request: Request, settings: Settings) -> str:
        """POST /track/batch."""
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


def _stored(update: Update, timestamp: int) -> dict[str, Any]:
    return {
        "message": "Tracking update stored successfully",
        "tracking_id": update.tracking_id,
        "timestamp": timestamp,
    }


def _shipment_of(document: Any) -> str:
    return str(document.get("tracking_id")) if isinstance(document, dict) else ""
