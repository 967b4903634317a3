"""The schemas of what the APIs take and answer, as OpenAPI and AsyncAPI have them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import contract
from contract.routes import LIMIT
from places.gazetteer import CITY, COUNTRY
from shipments.shipment import MAX_REFERENCES
from shipments.update import OPTIONAL
from web.errors import CODES

Schema = dict[str, Any]

TIME: Schema = {"type": "integer", "description": "ms since the epoch"}
#: Codes that only API Gateway returns.
_GATEWAY_CODES = ["forbidden", "throttled", "timeout"]


def schemas(update: Schema) -> Schema:
    """Those of the signed API, by their names; `update` is the contract's."""
    fields = update["properties"]
    return {
        "Update": update,
        "Batch": _batch(),
        "StoredUpdate": _stored(fields),
        "BatchResult": _batch_result(fields),
        "History": _page(
            {"tracking_id": fields["tracking_id"]},
            {"updates": "KeptUpdate"},
            {"summary": _summary(fields)},
        ),
        "Updates": _page({"status": fields["status"]}, {"updates": "KeptUpdate"}),
        "Shipments": _page(
            {},
            {"shipments": "Shipment"},
            {
                "status": {**fields["status"], "description": "The one that was asked for."},
                "reference": fields["references"]["items"],
                **{flag: {"const": True, "description": "If asked for."} for flag in ("stalled", "overdue")},
            },
        ),
        "Shipment": _shipment(fields),
        "KeptUpdate": _kept(update),
        "Error": error_schema(),
    }


def read_schema(path: Path) -> Schema:
    """One of the contract's, as OpenAPI has it."""
    schema: Schema = json.loads(path.read_text("utf-8"))
    del schema["$schema"]  # draft 4; what these schemas use means the same in OpenAPI's draft 2020-12
    return schema


def object_schema(required: Schema, optional: Schema | None = None) -> Schema:
    """Of an object with these members and no others."""
    properties = {**required, **(optional or {})}
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


def ref(name: str) -> Schema:
    """A reference to one of the document's schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def _batch() -> Schema:
    batch = read_schema(contract.BATCH_SCHEMA)
    batch["properties"]["updates"]["items"] = {
        "description": "An Update. Anything else has a result that says what is wrong, and spoils no other."
    }
    return batch


def _stored(fields: Schema) -> Schema:
    return object_schema(
        {
            "message": {"const": "Tracking update stored successfully"},
            "tracking_id": fields["tracking_id"],
            "timestamp": {
                **TIME,
                "description": "Where the update is kept: its time, or the next free millisecond; ms since the epoch.",
            },
        }
    )


def _batch_result(fields: Schema) -> Schema:
    count = {"type": "integer", "minimum": 0}
    stored, error = _stored(fields), error_schema()
    results = [
        object_schema({"status_code": {"const": 200}, **stored["properties"]}),
        object_schema({"status_code": {"enum": [400, 413, 500, 503]}, **error["properties"]}),
    ]
    return object_schema(
        {
            "stored": count,
            "refused": count,
            "results": {
                "type": "array",
                "description": "One for each update, in order; a pointer starts at the update.",
                "items": {"oneOf": results},
            },
        }
    )


def _kept(update: Schema) -> Schema:
    fields = update["properties"]
    return object_schema(
        {
            "tracking_id": fields["tracking_id"],
            "timestamp": TIME,
            "status": fields["status"],
            "location": location_schema(fields),
            "environment": {"type": "string"},
            "created_at": {"type": "string", "description": "When it was stored: YYYY-MM-DD HH:MM:SS, UTC."},
        },
        {
            "arrived_at": {
                **TIME,
                "description": "When it was stored; absent if an earlier release stored it.",
            },
            **{name: fields[name] for name in OPTIONAL},
            "metadata": fields["metadata"],
            "event_time": {**TIME, "description": "Its own time, if another update had that millisecond."},
        },
    )


def location_schema(fields: Schema) -> Schema:
    """Of where a shipment is; `fields` are those of an update."""
    return {
        "description": "Degrees, WGS 84: as it was sent, else the middle of its place; null if that is not known.",
        "type": ["object", "null"],
        "required": ["lat", "lng"],
        "additionalProperties": False,
        "properties": {
            **fields["location"]["properties"],
            "precision": {
                "description": "If it is the middle of the place: whether of a city or of a country.",
                "enum": [CITY, COUNTRY],
            },
        },
    }


def or_null(schema: Schema, description: str) -> Schema:
    """`schema`, or null."""
    return {"description": description, "anyOf": [schema, {"type": "null"}]}


def _shipment(fields: Schema) -> Schema:
    return object_schema(
        {
            "tracking_id": fields["tracking_id"],
            "status": {**fields["status"], "description": "Of the newest update."},
            "previous_status": {
                "enum": [*fields["status"]["enum"], None],
                "description": "The status before it; null if there was no other.",
            },
            "since": {**TIME, "description": "Of the first update with the status; ms since the epoch."},
            "location": location_schema(fields),
            **{
                name: or_null(fields[name], "Of the newest update.") for name in ("place", "detail", "reason")
            },
            **{
                name: or_null(fields[name], "Of the newest update that has it.")
                for name in ("carrier", "estimated_delivery")
            },
            "references": {
                "description": "Of all updates, in order; the first ones if there are more.",
                "type": "array",
                "maxItems": MAX_REFERENCES,
                "items": fields["references"]["items"],
            },
            "first_update": TIME,
            "last_update": TIME,
            "version": {"type": "integer", "description": "Greater with each change of this record."},
            "stalled": {"type": "boolean", "description": "Whether it has not moved for too long."},
            "overdue": {"type": "boolean", "description": "Whether its estimated delivery has passed."},
        }
    )


def _page(required: Schema, items: dict[str, str], optional: Schema | None = None) -> Schema:
    return object_schema(
        {
            **required,
            **{name: {"type": "array", "items": ref(kind)} for name, kind in items.items()},
            "count": {"type": "integer", "minimum": 0, "maximum": LIMIT.maximum},
        },
        {
            "next_key": {
                "type": "string",
                "description": "If there is more: the `last_key` of the next page.",
            },
            **(optional or {}),
        },
    )


def _summary(fields: Schema) -> Schema:
    time = {"type": ["integer", "null"], "description": "ms since the epoch"}
    summary = object_schema(
        {
            "current_status": {"enum": [*fields["status"]["enum"], None]},
            "first_update": time,
            "last_update": time,
            "hours_since_last_update": {"type": ["number", "null"], "minimum": 0},
            "page": {
                **object_schema(
                    {
                        "updates": {"type": "integer", "minimum": 0},
                        "distance_km": {"type": "number", "minimum": 0},
                    }
                ),
                "description": "Of the updates on the page.",
            },
        }
    )
    summary["description"] = (
        "Of the shipment; null where neither the page nor a record tells it, as seconds after the first update; "
        "with `as_of` of what was known then, and null where the page does not tell it. "
        "There with the flag enhanced_tracking."
    )
    return summary


def error_schema(gateway_codes: Sequence[str] = _GATEWAY_CODES) -> Schema:
    """Of every error that has the one shape, with the codes that API Gateway adds to those of the functions."""
    fault = object_schema({"pointer": {"type": "string"}, "detail": {"type": "string"}})
    return object_schema(
        {
            "error": {"type": "string", "description": "One sentence for a person."},
            "code": {"enum": sorted({*CODES.values(), *gateway_codes})},
            "request_id": {"type": "string"},
            "errors": {
                "type": "array",
                "description": "Where something is wrong: a JSON Pointer into the body, or a parameter's name.",
                "items": fault,
            },
        }
    )
