"""The routes of the partners' API, for the functions that answer, the stack, and the OpenAPI document."""

from typing import Final

from contract import WEBHOOK_SCHEMA
from contract.routes import LAST_KEY, LIMIT, MAX_TIME, Body, Parameter, Route, WholeNumber

#: Whoever calls these proves itself to the function.
INBOUND_ROUTES: Final = (
    Route(
        "POST",
        "/inbound/{source}",
        "Send what happened to shipments, as a vendor's webhook has it",
        "Received",
    ),
)

#: The fan-out reads all every 10 seconds, and numbers the messages of each; docs/scale.md has the figures.
MAX_WEBHOOKS: Final = 1000


def jwt_route(source: str) -> str:
    """The key of the route of a source that proves itself by a JWT, which API Gateway checks."""
    return INBOUND_ROUTES[0].key.format(source=source)


_BODY = Body("Webhook", "WebhookModel", WEBHOOK_SCHEMA)

BEFORE: Final = WholeNumber("before", 1, MAX_TIME, MAX_TIME, "The `next_before` of an answer.")
SINCE: Final = WholeNumber("since", 0, MAX_TIME, 0, "Included.", "ms since the epoch", required=True)
STATE: Final = Parameter("state", meaning="`failed`: only what was given up.", choices=("any", "failed"))
AFTER: Final = WholeNumber("after", 0, MAX_TIME, 0, "The `next_after` of the last answer.")
WAIT: Final = WholeNumber("wait", 0, 20, 20, "For the next message, if there is none.", "seconds")

#: Its caller proves itself by the token of a pull feed.
FEED: Final = Route(
    "GET", "/changes", "The messages of a pull feed, in order", "Changes", parameters=(AFTER, LIMIT, WAIT)
)
#: Their callers sign, as those of the tracking API do: who runs the system, for a partner.
WEBHOOK_ROUTES: Final = (
    Route(
        "POST",
        "/webhooks",
        f"Make a webhook, or a pull feed; up to {MAX_WEBHOOKS:,}",
        "NewWebhook",
        body=_BODY,
    ),
    Route("GET", "/webhooks", "All webhooks, the oldest first", "Webhooks", parameters=(LIMIT, LAST_KEY)),
    Route("GET", "/webhooks/{id}", "A webhook", "Webhook"),
    Route("PATCH", "/webhooks/{id}", "Change a webhook", "Webhook", body=_BODY),
    Route("DELETE", "/webhooks/{id}", "Delete a webhook", "Webhook"),
    Route("POST", "/webhooks/{id}/test", "Send a message of no shipment", "TestMessage"),
    Route(
        "POST",
        "/webhooks/{id}/rotate",
        "Make a new secret or token; the old one is good for a day",
        "NewSecret",
    ),
    Route(
        "GET",
        "/webhooks/{id}/deliveries",
        "The deliveries of 30 days, newest first",
        "Deliveries",
        parameters=(LIMIT, BEFORE),
    ),
    Route(
        "POST",
        "/webhooks/{id}/replay",
        "Send again what was made since a time",
        "Replay",
        parameters=(SINCE, STATE),
    ),
)
