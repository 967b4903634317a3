"""Writes docs/partners-openapi.json, the description of the partners' API (OpenAPI 3.1)."""

import json
from pathlib import Path

import contract
from contract.partner_routes import AFTER, FEED, INBOUND_ROUTES, WEBHOOK_ROUTES
from contract.routes import Route
from outbound.delivery import DELIVERED, FAILED, KEPT, PENDING
from outbound.message import TEST
from tools.openapi import DOCUMENT as OPENAPI
from tools.openapi import SIGV4, describe_parameter
from tools.openapi_schemas import TIME, Schema, error_schema, object_schema, or_null, read_schema, ref

DOCUMENT = OPENAPI.with_name("partners-openapi.json")

_COUNT: Schema = {"type": "integer", "minimum": 0}
_TEXT: Schema = {"type": "string"}
_REASONS = {
    400: "Something is wrong with the request; `errors` says what and where.",
    401: "The request does not prove who sent it.",
    403: "The signature, or the scope of the token, is missing or wrong.",
    404: "There is no source of this name, or no webhook with this id.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many requests.",
    500: "A fault of the service.",
    503: "The service is busy, or a source has no secret yet.",
}
#: Statuses that API Gateway returns, in a form of its own.
_GATEWAY_STATUSES = (403, 429)
_IN_PATH = {
    "id": {"description": "Of the webhook.", "type": "string"},
    "source": {"description": "A name of the setting `partners.sources`.", "type": "string"},
}


def describe() -> Schema:
    """The whole document."""
    paths: dict[str, Schema] = {}
    for route, scheme, errors in (
        *((route, "", [401, 403, 413, 415]) for route in INBOUND_ROUTES),
        *((route, "sigv4", [403, 413] if route.body else [403]) for route in WEBHOOK_ROUTES),
        (FEED, "token", [401]),
    ):
        schemes: list[Schema] = [{}, {"jwt": []}] if route in INBOUND_ROUTES else [{scheme: []}]
        described = {**_operation(route, errors), "security": schemes}
        paths.setdefault(route.path, {})[route.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Partners' Tracking API", "version": contract.VERSION},
        "paths": paths,
        "components": {
            "securitySchemes": {
                "sigv4": SIGV4,
                "token": {"type": "http", "scheme": "bearer"},
                "jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
            "schemas": {
                **_webhooks(),
                **_deliveries(),
                "Error": error_schema([]),
                "GatewayError": _gateway_error(),
            },
        },
    }


def render() -> str:
    """The document's text."""
    return json.dumps(describe(), indent=2) + "\n"


def main() -> None:
    """Write the document."""
    DOCUMENT.write_text(render(), encoding="utf-8")
    print(f"Wrote {DOCUMENT.relative_to(Path.cwd())}")


def _list(of: str) -> Schema:
    return {"type": "array", "items": ref(of)}


def _gateway_error() -> Schema:
    return {**object_schema({"message": _TEXT}), "description": "An answer of API Gateway's own."}


def _webhooks() -> Schema:
    chosen = read_schema(contract.WEBHOOK_SCHEMA)
    fields = chosen["properties"]
    known = {
        "id": _TEXT,
        "created_at": TIME,
        **fields,
        "url": or_null(fields["url"], "Null of a pull feed."),
        "failures": {**_COUNT, "description": "In a row."},
        "blocked_until": or_null(TIME, "While it is set, deliveries wait; ms since the epoch."),
    }
    shown = {
        "secret": {"type": "string", "pattern": "^whsec_", "description": "Of one with a `url`."},
        "token": {"type": "string", "description": "Of a pull feed."},
    }
    return {
        "WebhookChange": chosen,
        "Webhook": object_schema(known),
        "NewWebhook": object_schema(known, shown),
        "Webhooks": object_schema(
            {"webhooks": _list("Webhook"), "count": _COUNT},
            {
                "next_key": {
                    "type": "string",
                    "description": "The `last_key` of the next page, if there is one.",
                }
            },
        ),
        "NewSecret": object_schema({"former_until": TIME}, shown),
        "TestMessage": object_schema({"id": _TEXT, "sequence": _COUNT}),
        "Replay": object_schema({"count": {**_COUNT, "description": "Messages that are looked at."}}),
    }


def _deliveries() -> Schema:
    delivery = object_schema(
        {
            "sequence": {"type": "integer", "minimum": 1},
            "id": {"type": "string", "description": "The `webhook-id`."},
            "event": {"enum": [*contract.EVENTS, TEST]},
            "state": {"enum": [PENDING, DELIVERED, FAILED, KEPT]},
            "created_at": TIME,
            "attempts": _COUNT,
            "attempted_at": or_null(TIME, "Of the last attempt; ms since the epoch."),
            "next_attempt": or_null(TIME, "Not before; ms since the epoch."),
            "status": or_null({"type": "integer"}, "Of the last answer."),
            "answer": or_null(_TEXT, "The first KB of it."),
            "error": or_null(_TEXT, "Why there was none."),
        }
    )
    change = object_schema(
        {
            "sequence": delivery["properties"]["sequence"],
            "message": {"type": "object", "description": "As docs/asyncapi.json has it."},
        }
    )
    return {
        "Delivery": delivery,
        "Deliveries": object_schema(
            {"deliveries": _list("Delivery"), "count": _COUNT}, {"next_before": _COUNT}
        ),
        "Change": change,
        "Changes": object_schema(
            {"changes": _list("Change"), "next_after": {**_COUNT, "description": AFTER.meaning}}
        ),
        "Received": object_schema(
            {
                "stored": {**_COUNT, "description": "Updates that are stored, now or before."},
                "kept": {
                    **_COUNT,
                    "description": "Events that are no updates, of which the message is kept.",
                },
            }
        ),
    }


def _operation(route: Route, errors: list[int]) -> Schema:
    inside = [
        {"name": name, "in": "path", "required": True, "schema": _IN_PATH[name]}
        for name in route.path_parameters
    ]
    request: Schema = {"parameters": inside + [describe_parameter(one, {}) for one in route.parameters]}
    done = "200"
    if route in INBOUND_ROUTES:
        done = "202"
        request["description"] = "How a source proves itself is agreed with it: docs/inbound.md."
        request["requestBody"] = _body({}, "application/json", "application/*+json")
    elif route.body:
        request["requestBody"] = _body(ref("WebhookChange"), "application/json")
    found = {*errors, 400, 429, 500, 503, *([404] if inside else [])}
    responses = {done: _response("Done.", ref(route.answer))}
    for status in sorted(found):
        # An HTTP API cannot be told to say it in another way.
        error = ref("GatewayError" if status in _GATEWAY_STATUSES else "Error")
        if status == 401 and route in INBOUND_ROUTES:
            error = {"anyOf": [error, ref("GatewayError")]}
        responses[str(status)] = _response(_REASONS[status], error)
    responses["503"]["headers"]["Retry-After"] = {"description": "Seconds.", "schema": {"type": "integer"}}
    return {"summary": route.summary, **request, "responses": responses}


def _body(schema: Schema, *media_types: str) -> Schema:
    return {"required": True, "content": {media: {"schema": schema} for media in media_types}}


def _response(description: str, schema: Schema) -> Schema:
    return {
        "description": description,
        "headers": {"X-Request-Id": {"schema": {"type": "string"}}},
        "content": {"application/json": {"schema": schema}},
    }


if __name__ == "__main__":
    main()
