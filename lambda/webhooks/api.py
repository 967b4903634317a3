"""The routes of webhooks."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

import contract
from contract.partner_routes import AFTER, BEFORE, FEED, MAX_WEBHOOKS, SINCE, STATE, WAIT
from outbound.addresses import Forbidden, check_url
from outbound.delivery import FAILED
from outbound.message import render, sample
from outbound.queue import NotQueued
from outbound.secret import Secret, hash_token, is_token, make_secret, make_token, renewed
from outbound.webhook import ACTIVE, Webhook
from runtime.telemetry import Telemetry
from shipments.document import Fault, Invalid, Schema
from shipments.errors import Unavailable
from shipments.page import Page, Position
from storage.deliveries import Contended
from storage.outbox import Outbox
from web import exact_json, query
from web.errors import CODES, ApiError, as_api_error
from web.http_request import Request
from web.request import as_str

#: Bytes of a body.
MAX_BODY = 64 * 1024
#: What the list of webhooks is, for the keys of its pages.
_ALL = ("webhooks",)
#: Seconds between two looks for the next message of a feed.
_PAUSE = 1
_NO_ID = "There is no webhook with this id"

Answer = dict[str, Any]


class Api:
    """Answers requests; one at a time, as Lambda sends them.

    Args:
        local: whether a webhook may be on this machine.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        environment: str,
        telemetry: Telemetry,
        local: bool,
    ) -> None:
        self._outbox = outbox
        self._environment = environment
        self._telemetry = telemetry
        self._local = local
        self._schema = Schema(contract.WEBHOOK_SCHEMA)
        self._routes: Mapping[str, Callable[[Request], str]] = {
            "POST /webhooks": self._create,
            "GET /webhooks": self._list,
            "GET /webhooks/{id}": self._get,
            "PATCH /webhooks/{id}": self._change,
            "DELETE /webhooks/{id}": self._delete,
            "POST /webhooks/{id}/test": self._test,
            "POST /webhooks/{id}/rotate": self._rotate,
            "GET /webhooks/{id}/deliveries": self._list_deliveries,
            "POST /webhooks/{id}/replay": self._replay,
            FEED.key: self._read,
        }

    def answer(self, event: Any, context: Any) -> Answer:
        """The answer to any event whatever, as an HTTP API wants it (payload format 2.0)."""
        request = Request(event, context)
        self._telemetry.start(request.id)
        status, headers = 200, {"Cache-Control": "no-store"}
        try:
            body = self._routes.get(request.route, _find_nothing)(request)
        except Exception as error:
            problem = as_api_error(_as_domain_error(error), self._telemetry)
            status, headers = problem.status, {**headers, **problem.headers}
            body = json.dumps(problem.body(request.id))
        self._telemetry.count(
            "RequestFailed" if status >= 500 else "RequestRefused" if status >= 400 else "RequestServed"
        )
        name = request.route if request.route in self._routes else ""
        self._telemetry.finish(route=name, status_code=status, code=CODES.get(status))
        return {**request.answer(status, {}, headers), "body": body}

    def _create(self, request: Request) -> str:
        members = self._members(request)
        # Requests at the same moment may exceed it by their number.
        if len(self._outbox.webhooks.all()) >= MAX_WEBHOOKS:
            raise ApiError(
                400, f"Invalid request: there are {MAX_WEBHOOKS:,} webhooks already, and no more may be"
            )
        id, url = str(uuid.uuid4()), members.get("url")
        shown = make_secret() if url else make_token(id)
        secret = Secret(shown if url else hash_token(shown))
        webhook = Webhook(id=id, created_at=request.now, secrets=[secret], **members)
        self._outbox.webhooks.put(webhook)
        return json.dumps({**webhook.visible, **_shown(webhook, shown)})

    def _list(self, request: Request) -> str:
        limit, after = query.limit(request.query), query.after(request.query, _ALL)
        found = self._outbox.webhooks.all()
        if after:
            last = after.timestamp, after.tracking_id
            found = [webhook for webhook in found if (webhook.created_at, webhook.id) > last]
        shown = found[:limit]
        page = Page(
            [webhook.visible for webhook in shown],
            [Position(webhook.id, webhook.created_at) for webhook in shown],
            more=len(found) > limit,
        )
        return json.dumps({"webhooks": page.items, "count": len(page.items), **query.next_key(page, _ALL)})

    def _get(self, request: Request) -> str:
        return json.dumps(self._find(_id(request)).visible)

    def _change(self, request: Request) -> str:
        members, found = self._members(request), self._find(_id(request))
        if "url" in members and not found.url:
            raise _invalid("/url", "cannot be given to a pull feed")
        if members.get("state") == ACTIVE or "url" in members:
            # Its receiver is another, or was mended.
            members |= {"failures": 0, "blocked_until": None}
        return json.dumps(
            _there(self._outbox.webhooks.change(_id(request), **members) if members else found).visible
        )

    def _delete(self, request: Request) -> str:
        return json.dumps(_there(self._outbox.webhooks.delete(_id(request))).visible)

    def _test(self, request: Request) -> str:
        webhook = self._find(_id(request))
        notification = sample(f"test_{uuid.uuid4().hex}", request.now)
        message = render(notification, webhook.format, self._environment)
        numbers = self._outbox.add(webhook, [message])
        if not numbers:
            raise ApiError(400, "Invalid request: the webhook is disabled")
        return json.dumps({"id": message.id, "sequence": numbers[0]})

    def _rotate(self, request: Request) -> str:
        webhook = self._find(_id(request))
        shown = make_secret() if webhook.url else make_token(webhook.id)
        value = shown if webhook.url else hash_token(shown)
        secrets = renewed(webhook.secrets, value, request.now)
        _there(self._outbox.webhooks.change(webhook.id, secrets=secrets))
        return json.dumps({**_shown(webhook, shown), "former_until": secrets[1].until})

    def _list_deliveries(self, request: Request) -> str:
        webhook, limit = self._find(_id(request)), query.limit(request.query)
        before = query.number(request.query, BEFORE)
        found = self._outbox.deliveries.newest(webhook.id, before=before, limit=limit)
        more = {"next_before": found[-1].sequence} if len(found) == limit else {}
        visible = [delivery.visible for delivery in found]
        return json.dumps({"deliveries": visible, "count": len(visible), **more})

    def _replay(self, request: Request) -> str:
        webhook = self._find(_id(request))
        since, state = query.number(request.query, SINCE), query.choice(request.query, STATE)
        if not webhook.url:
            raise ApiError(400, "Invalid request: a pull feed is read again with a smaller `after`")
        if webhook.state != ACTIVE:
            raise ApiError(400, "Invalid request: the webhook is disabled")
        first, last = self._outbox.deliveries.first_since(webhook, since), webhook.sequence
        if first <= last:
            failed = state == FAILED
            _there(self._outbox.webhooks.change(webhook.id, replay=[first, last], replay_failed=failed))
        return json.dumps({"count": last + 1 - first})

    def _read(self, request: Request) -> str:
        webhook, parameters = self._authorized(request), request.query
        after, limit = query.number(parameters, AFTER), query.limit(parameters)
        until = time.monotonic() + query.number(parameters, WAIT)
        while (
            not (found := self._outbox.deliveries.after(webhook.id, after, limit))
            and time.monotonic() < until
        ):
            time.sleep(_PAUSE)
        # The messages as they are, since parsing and writing them may change their numbers.
        changes = ",".join(f'{{"sequence":{one.sequence},"message":{one.body}}}' for one in found)
        return f'{{"changes":[{changes}],"next_after":{found[-1].sequence if found else after}}}'

    def _authorized(self, request: Request) -> Webhook:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        id = token.partition(".")[0]
        if scheme.lower() == "bearer" and _is_id(id):
            webhook = self._outbox.webhooks.get(id)
            good = webhook and not webhook.url and is_token(token, webhook.secrets, request.now)
            if webhook and good and webhook.state == ACTIVE:
                return webhook
        raise ApiError(401, "The token is not one of a pull feed", headers={"WWW-Authenticate": "Bearer"})

    def _find(self, id: str) -> Webhook:
        return _there(self._outbox.webhooks.get(id) if _is_id(id) else None)

    def _members(self, request: Request) -> dict[str, Any]:
        """Those that the body sets. Raises ApiError, Invalid."""
        try:
            raw = request.raw_body()
            if len(raw) > MAX_BODY:
                raise ApiError(413, f"The body has more than {MAX_BODY} bytes")
            members = exact_json.loads(raw.decode() or "{}")
        except ValueError as error:
            raise ApiError(400, "Invalid JSON in request body") from error
        self._schema.check(members)
        if "url" in members:
            try:
                check_url(members["url"], local=self._local)
            except Forbidden as error:
                raise _invalid("/url", str(error)) from error
        found: dict[str, Any] = members
        return found


def _find_nothing(request: Request) -> str:
    raise ApiError(404, "Not found")


def _id(request: Request) -> str:
    """The id of the webhook in the path."""
    return as_str(request.path_parameters.get("id"))


def _is_id(text: str) -> bool:
    """Whether a webhook can have this id, for which the table is not asked otherwise."""
    return len(text) == 36 and text.isascii() and text.replace("-", "").isalnum()


def _there(webhook: Webhook | None) -> Webhook:
    if webhook is None:
        raise ApiError(404, _NO_ID)
    return webhook


def _shown(webhook: Webhook, value: str) -> dict[str, str]:
    """A secret or token, which is told once."""
    return {"secret" if webhook.url else "token": value}


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid([Fault(pointer, detail)])


def _as_domain_error(error: Exception) -> Exception:
    if isinstance(error, BotoCoreError | NotQueued | Contended):
        return _because(error)
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        throttled = (
            "Throttl" in error.response["Error"]["Code"] or "Throughput" in error.response["Error"]["Code"]
        )
        return _because(error) if status >= 500 or throttled else error
    return error


def _because(error: Exception) -> Unavailable:
    unavailable = Unavailable(type(error).__name__)
    unavailable.__cause__ = error
    return unavailable
