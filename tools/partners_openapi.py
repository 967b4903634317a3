"""Writes docs/partners-openapi.json, the description of the partners' API (OpenAPI 3.1)."""

import json
from pathlib import Path

import contract
from contract.partner_routes import INBOUND_ROUTES
from contract.routes import Route
from tools.openapi import DOCUMENT as SIGNED
from tools.openapi import Schema, error_schema, object_schema, ref

DOCUMENT = SIGNED.with_name("partners-openapi.json")

_REASONS = {
    400: "The body cannot be read.",
    401: "The request does not prove who sent it.",
    404: "There is no source of this name.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many requests.",
    500: "A fault of the service.",
    503: "The service is busy, or the source has no secret yet.",
}


def describe() -> Schema:
    """The whole document."""
    count = {"type": "integer", "minimum": 0}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Partners' Tracking API", "version": contract.VERSION},
        "paths": {route.path: {route.method.lower(): _receive(route)} for route in INBOUND_ROUTES},
        "components": {
            "schemas": {
                "Received": object_schema(
                    {
                        "stored": {**count, "description": "Updates that are stored, now or before."},
                        "kept": {
                            **count,
                            "description": "Events that are no updates, of which the message is kept.",
                        },
                    }
                ),
                "Error": error_schema([]),
                "GatewayError": object_schema({"message": {"type": "string"}}),
            }
        },
    }


def render() -> str:
    """The document's text."""
    return json.dumps(describe(), indent=2) + "\n"


def main() -> None:
    """Write the document."""
    DOCUMENT.write_text(render(), encoding="utf-8")
    print(f"Wrote {DOCUMENT.relative_to(Path.cwd())}")


def _receive(route: Route) -> Schema:
    return {
        "summary": route.summary,
        "description": "How a source proves itself is agreed with it: docs/inbound.md.",
        "security": [],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in route.path_parameters
        ],
        "requestBody": {
            "required": True,
            "content": {media: {"schema": {}} for media in ("application/json", "application/*+json")},
        },
        "responses": {
            "202": _answer("Stored, or kept.", route.answer),
            **{str(status): _error(status, reason) for status, reason in _REASONS.items()},
        },
    }


def _error(status: int, reason: str) -> Schema:
    if status == 429:  # an HTTP API cannot be told to say it in another way
        return {"description": reason, "content": {"application/json": {"schema": ref("GatewayError")}}}
    answer = _answer(reason, "Error")
    if status == 503:
        answer["headers"]["Retry-After"] = {"description": "Seconds.", "schema": {"type": "integer"}}
    return answer


def _answer(description: str, schema: str) -> Schema:
    return {
        "description": description,
        "headers": {"X-Request-Id": {"schema": {"type": "string"}}},
        "content": {"application/json": {"schema": ref(schema)}},
    }


if __name__ == "__main__":
    main()
