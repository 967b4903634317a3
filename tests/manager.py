"""Makes webhooks, tells and delivers, as the gateway and the queues have it done."""

import json
from typing import Any

import jsonschema
from standardwebhooks import Webhook as Standard

from delivery.wiring import make_delivery
from fanout.wiring import make_fanout
from tests.functional.conftest import Answer
from tests.outbound import Outbound, Received, context, now, records
from tools.partners_openapi import describe
from web.errors import CODES
from webhooks.wiring import make_api

DOCUMENT = describe()
OPERATIONS: dict[Any, Any] = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


class Manager:
    """Calls the routes as the gateway does, and the other functions as their queues do."""

    def __init__(self, outbound: Outbound) -> None:
        self.outbound = outbound
        self.api = make_api(outbound.environment)
        self.fanout = make_fanout(outbound.environment)
        self.deliverer, self.sweep = make_delivery(outbound.environment)

    def ask(self, route: str, id: str = "", body: Any = None, *, token: str = "", **query: str) -> Answer:
        """The answer to a request, whose form is checked; `body` is a text or what becomes JSON."""
        event = {
            "version": "2.0",
            "routeKey": route,
            "pathParameters": {"id": id} if id else None,
            "queryStringParameters": query or None,
            "headers": {"authorization": f"Bearer {token}"} if token else {},
            "requestContext": {"requestId": "gw-1"},
            "body": body if isinstance(body, str | None) else json.dumps(body),
            "isBase64Encoded": False,
        }
        return self.invoke(event)

    def invoke(self, event: Any) -> Answer:
        """The answer to any event, whose form is checked."""
        answer = self.api.answer(event, context(29))
        assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
        assert answer["headers"]["Content-Type"] == "application/json"
        assert answer["headers"]["X-Request-Id"]
        status, body = answer["statusCode"], json.loads(answer["body"])
        described = OPERATIONS.get(event.get("routeKey")) if isinstance(event, dict) else None
        if described:
            schema = described["responses"][str(status)]["content"]["application/json"]["schema"]
            jsonschema.Draft202012Validator({**DOCUMENT, **schema}).validate(body)
        if status != 200:
            assert set(body) == {"error", "code", "request_id", "errors"}
            assert body["code"] == CODES[status]
        return Answer(status, answer["headers"], body)

    def make(self, **members: Any) -> dict[str, Any]:
        """A new webhook, with its secret or token."""
        answer = self.ask("POST /webhooks", body=members)
        assert answer.status == 200, answer
        return answer.body

    def tell(self, *notifications: Any) -> None:
        """Publishes notifications, of which none may fail."""
        self.fanout._expires = 0
        assert self.fanout.handle({"Records": records(*notifications)}, context()) == {
            "batchItemFailures": []
        }

    def deliver(self) -> int:
        """Delivers what is queued; how much that was."""
        queued = self.outbound.queued()
        for message in queued:
            assert self.deliverer.handle({"Records": [message]}, context()) == {"batchItemFailures": []}
        return sum(len(json.loads(message["body"])["sequences"]) for message in queued)

    def deliveries(self, id: str) -> list[dict[str, Any]]:
        """The newest deliveries of a webhook."""
        found: list[dict[str, Any]] = self.ask("GET /webhooks/{id}/deliveries", id).body["deliveries"]
        return found


def verified(request: Received, secret: str) -> Any:
    """The body, if the library of Standard Webhooks takes the signature."""
    return Standard(secret).verify(
        request.body, {name.lower(): value for name, value in request.headers.items()}
    )


def let_due(manager: Manager, webhook: str, sequence: int = 1) -> None:
    """Has the time of a delivery that was put aside come, and a sweep look at it."""
    manager.outbound.set_due(webhook, sequence, now() - 1)
    manager.sweep.handle(context())


def unblock(manager: Manager, webhook: str) -> None:
    """Has the time of a trial come."""
    manager.sweep._outbox.webhooks.change(webhook, blocked_until=now() - 1)
