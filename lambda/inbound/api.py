"""The route POST /inbound/{source}."""

import base64
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, Self

import contract
from contract.partner_routes import jwt_route
from inbound import mapping, proof
from inbound.quarantine import Quarantine
from inbound.secrets import CACHE, Secrets
from runtime.telemetry import Telemetry
from shipments.document import Invalid, Schema
from shipments.errors import Refused
from shipments.tracking_id import of_carrier
from shipments.update import MAX_REFERENCES, Update
from storage.updates import UpdateStore
from web import exact_json
from web.errors import CODES, ApiError, as_api_error
from web.http_request import Request

#: Bytes of a message.
MAX_BODY: Final = 2**20
#: Shipments of a message that are worked on at a time, and the reasons that are kept of what is no update.
_WORKERS, _MAX_REASONS = 10, 20


class Source(NamedTuple):
    """Who may send: how it proves itself, what it sends, and the carrier whose numbers it tells, if it is one's."""

    name: str
    proof: Mapping[str, Any]
    mapping: mapping.Mapping
    carrier: str
    places: mapping.Places

    @classmethod
    def of(cls, name: str, chosen: Mapping[str, Any]) -> Self:
        """The source that the setting `partners.sources` has under a name."""
        kind = mapping.load(chosen["mapping"])
        return cls(
            name,
            chosen.get("proof", kind.proof),
            kind,
            chosen.get("carrier", ""),
            chosen.get("places", {}),
        )

    def check(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str] | None, now: int) -> str:
        """The media type of a message that is taken; see `proof.check`. Raises ApiError.

        Without `secrets`, which is not without any, API Gateway has checked the proof.
        """
        if len(body) > MAX_BODY:
            raise ApiError(413, f"The body has more than {MAX_BODY} bytes")
        try:
            if secrets is not None:
                proof.check(self.proof, headers, body, secrets, now)
        except proof.NotProven:
            raise _not_proven() from None
        media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if media_type != "application/json" and not media_type.endswith("+json"):
            raise ApiError(415, "The body must be JSON")
        return media_type

    def read(self, body: bytes, schema: Schema, now: int) -> tuple[list[Update], list[str]]:
        """The updates of a message, and why what else it holds is none; `now` as in `Update.parse`."""
        try:
            found = self.mapping.read(exact_json.loads(body.decode()), self.places)
        except (mapping.Unmapped, ValueError) as error:
            return [], [str(error)]
        updates, reasons = [], []
        for place, document in found:
            if document is None:  # of no interest
                continue
            try:
                if isinstance(document, mapping.Unmapped):
                    raise document
                updates.append(Update.parse(_of_carrier(document, self.carrier), schema, now))
            except (mapping.Unmapped, Invalid, Refused) as error:
                reasons.append(f"event {place}: {error}")
        return updates, reasons


class Outcome(NamedTuple):
    """How many updates of a message are stored, and why the others are none."""

    stored: int
    reasons: list[str]


class Api:
    """Answers requests; one at a time, as Lambda sends them."""

    def __init__(
        self,
        *,
        sources: Mapping[str, Source],
        secrets: Secrets,
        updates: UpdateStore,
        quarantine: Quarantine,
        telemetry: Telemetry,
    ) -> None:
        self._sources = sources
        self._routes = {
            jwt_route(name): source for name, source in sources.items() if source.proof["kind"] == "jwt"
        }
        self._secrets = secrets
        self._updates = updates
        self._quarantine = quarantine
        self._schema = Schema(contract.UPDATE_SCHEMA)
        self._telemetry = telemetry

    def answer(self, event: Any, context: Any) -> dict[str, Any]:
        """The answer to any event whatever, as an HTTP API wants it (payload format 2.0)."""
        request = Request(event, context)
        self._telemetry.start(request.id)
        name = ""
        try:
            source = self._source(request)
            name = source.name
            outcome = self._receive(source, request)
            body = {"stored": outcome.stored, "kept": len(outcome.reasons)}
            answer = request.answer(202, body)
        except Exception as error:
            problem = as_api_error(error, self._telemetry)
            answer = request.answer(problem.status, problem.body(request.id), problem.headers)
        status = answer["statusCode"]
        self._telemetry.count(
            "InboundFailed" if status >= 500 else "InboundRefused" if status >= 400 else "InboundReceived"
        )
        self._telemetry.finish(route=request.route, source=name, status_code=status, code=CODES.get(status))
        return answer

    def map_again(self, kept: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """What a message of the quarantine comes to now, for tools/redrive.py. Raises Unavailable."""
        request = Request({}, context)
        self._telemetry.start(request.id)
        source = self._sources.get(kept["source"])
        if source is None:
            outcome = Outcome(0, ["there is no such source any more"])
        else:
            body = base64.b64decode(kept["body"])
            outcome = self._store(source, body, now=request.now, deadline=request.deadline)
        self._telemetry.count("InboundMappedAgain")
        self._telemetry.finish(source=kept["source"])
        return outcome._asdict()

    def _source(self, request: Request) -> Source:
        name = str(request.path_parameters.get("source"))
        source = self._routes.get(request.route) or self._sources.get(name)
        if source is None:
            raise ApiError(404, "There is no source of this name")
        return source

    def _receive(self, source: Source, request: Request) -> Outcome:
        try:
            body = request.raw_body()
        except ValueError:
            raise ApiError(400, "The body cannot be read") from None
        media_type = source.check(request.headers, body, self._secrets_of(source, request), request.now)
        outcome = self._store(source, body, now=request.now, deadline=request.deadline)
        if outcome.reasons:
            self._quarantine.keep(
                source.name,
                body,
                media_type=media_type,
                reasons=outcome.reasons[:_MAX_REASONS],
                received_at=request.now,
            )
            self._telemetry.count("InboundKept", len(outcome.reasons))
            self._telemetry.warn("A message is kept until its mapping is mended", source=source.name)
        return outcome

    def _secrets_of(self, source: Source, request: Request) -> Sequence[str] | None:
        """See `Source.check`. Raises ApiError."""
        if source.proof["kind"] == "jwt":
            # The general route has no authorizer.
            if request.route not in self._routes or not request.jwt_claims:
                raise _not_proven()
            return None
        secrets = self._secrets.of(source.name)
        if not secrets:
            self._telemetry.warn("A source has no secret", source=source.name)
            retry = {"Retry-After": str(CACHE)}
            raise ApiError(503, "The source has no secret yet; send the request again", headers=retry)
        return secrets

    def _store(self, source: Source, body: bytes, *, now: int, deadline: float) -> Outcome:
        """Stores the updates of a proven message, each once however often it comes.

        `now` and `deadline` are as in `UpdateStore.put`. Raises Unavailable; the same message may then be sent again.
        """
        updates, reasons = source.read(body, self._schema, now)
        shipments: dict[str, list[Update]] = defaultdict(list)
        for update in updates:
            shipments[update.tracking_id].append(update)

        def put(updates: list[Update]) -> list[Exception | None]:
            return [self._put(update, now, deadline) for update in updates]

        # Those of one shipment one after the other, so that they keep their order within a millisecond.
        with ThreadPoolExecutor(_WORKERS) as pool:
            refused = [error for errors in pool.map(put, shipments.values()) for error in errors]
        reasons += [str(error) for error in refused if error]
        for update in updates:
            self._telemetry.count(contract.UPDATES_METRICS[update.status])
        return Outcome(refused.count(None), reasons)

    def _put(self, update: Update, now: int, deadline: float) -> Exception | None:
        """Stores an update, and returns why that is not possible, if it never is. Raises Unavailable."""
        try:
            self._updates.put(update, now=now, arrived=now, deadline=deadline)
        except Refused as error:
            return error
        return None


def _not_proven() -> ApiError:
    return ApiError(401, "The request does not prove who sent it")


def _of_carrier(document: Any, carrier: str) -> Any:
    """The document, whose tracking id is a number of the carrier's, if there is one."""
    match document:
        case {"tracking_id": str(number)} if carrier:
            references = document.get("references", [])
            if isinstance(references, list):
                others = [reference for reference in references if reference != number]
                references = [number, *others][:MAX_REFERENCES]
            return {
                "carrier": carrier,
                **document,
                "tracking_id": of_carrier(carrier, number),
                "references": references,
            }
    return document
