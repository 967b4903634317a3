"""Writes docs/asyncapi.json, the description of what webhooks are told (AsyncAPI 3.0)."""

import json
from pathlib import Path

import contract
from outbound.message import TEST
from outbound.webhook import CLOUDEVENTS, MEDIA_TYPES, PLAIN
from tools.openapi import DOCUMENT as OPENAPI
from tools.openapi_schemas import TIME, Schema, location_schema, object_schema, or_null, read_schema

DOCUMENT = OPENAPI.with_name("asyncapi.json")


def describe() -> Schema:
    """The whole document."""
    channel = {"$ref": "#/channels/webhook"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Webhooks of the Logistics Tracking API",
            "version": contract.VERSION,
            "description": "Delivered as Standard Webhooks (https://www.standardwebhooks.com): at least once, "
            "in any order.",
        },
        "defaultContentType": MEDIA_TYPES[PLAIN],
        "channels": {
            "webhook": {
                "address": None,
                "description": "The URL of the webhook; a pull feed has the same messages.",
                "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in MEDIA_TYPES},
            }
        },
        "operations": {
            "tell": {
                "action": "send",
                "channel": channel,
                "messages": [{"$ref": f"#/channels/webhook/messages/{kind}"} for kind in MEDIA_TYPES],
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            }
        },
        "components": {
            "messages": {
                PLAIN: _message("Notification", "As notifications have it.", MEDIA_TYPES[PLAIN]),
                CLOUDEVENTS: _message("CloudEvent", "CloudEvents 1.0, JSON.", MEDIA_TYPES[CLOUDEVENTS]),
            },
            "schemas": {"Notification": _notification(), "CloudEvent": _cloud_event(), "Headers": _headers()},
        },
    }


def render() -> str:
    """The document's text."""
    return json.dumps(describe(), indent=2) + "\n"


def main() -> None:
    """Write the document."""
    DOCUMENT.write_text(render(), encoding="utf-8")
    print(f"Wrote {DOCUMENT.relative_to(Path.cwd())}")


def _message(schema: str, summary: str, media_type: str) -> Schema:
    return {
        "summary": summary,
        "contentType": media_type,
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{schema}"},
    }


def _headers() -> Schema:
    return {
        "type": "object",
        "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
        "properties": {
            "webhook-id": {"type": "string", "description": "The same however often it is sent."},
            "webhook-timestamp": {
                "type": "string",
                "pattern": "^[0-9]+$",
                "description": "s since the epoch",
            },
            "webhook-signature": {
                "type": "string",
                "pattern": "^v1,[A-Za-z0-9+/]+=*( v1,[A-Za-z0-9+/]+=*)*$",
                "description": "One for each secret that is good.",
            },
        },
    }


def _open(properties: Schema) -> Schema:
    """An object with these properties, and in later versions others."""
    return {**object_schema(properties), "additionalProperties": True}


def _notification() -> Schema:
    fields = read_schema(contract.UPDATE_SCHEMA)["properties"]
    return _open(
        {
            "deduplication_id": {"type": "string"},
            "event": {"enum": [*contract.EVENTS, TEST]},
            "tracking_id": fields["tracking_id"],
            "version": {"type": "integer", "description": "Greater with each change of the shipment."},
            "status": fields["status"],
            "previous_status": {"enum": [*contract.STATUSES, None]},
            "timestamp": {**TIME, "description": "Of the last update; ms since the epoch."},
            "location": location_schema(fields),
            **{
                name: or_null(fields[name], "Of the shipment.")
                for name in ("place", "reason", "carrier", "estimated_delivery")
            },
        }
    )


def _cloud_event() -> Schema:
    return _open(
        {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "description": "The `deduplication_id`."},
            "source": {"type": "string", "format": "uri-reference"},
            "type": {"enum": [f"shipment.{event}" for event in (*contract.EVENTS, TEST)]},
            "subject": {"type": "string", "description": "The `tracking_id`."},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": MEDIA_TYPES[PLAIN]},
            "data": {"$ref": "#/components/schemas/Notification"},
        }
    )


if __name__ == "__main__":
    main()
