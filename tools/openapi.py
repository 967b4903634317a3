"""Writes docs/openapi.json, the description of the tracking API (OpenAPI 3.1)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import contract
from contract.routes import LIMIT, ROUTES, Parameter, Route, WholeNumber
from places.gazetteer import CITY, COUNTRY
from shipments.shipment import MAX_REFERENCES
from shipments.update import OPTIONAL
from web.errors import CODES

DOCUMENT = Path(__file__).parent.parent / "docs" / "openapi.json"

Schema = dict[str, Any]

_TIME: Schema = {"type": "integer", "description": "ms since the epoch"}
_REASONS = {
    400: "Something is wrong with the request; `errors` says what and where, unless API Gateway refused the body.",
    403: "The signature is missing or wrong, or the feature is switched off.",
    404: "There is no such shipment, or no update of it was read yet.",
    409: "Several carriers have a shipment with this number; `errors` has their tracking ids.",
    413: "The body or an update in it is too large.",
    415: "The body is not application/json.",
    422: "The Idempotency-Key came with another body before.",
    429: "Too many requests.",
    500: "A fault of the service.",
    503: "The service is busy.",
    504: "The service did not answer in time.",
}
#: The security scheme of signed routes.
SIGV4: Schema = {
    "type": "apiKey",
    "name": "Authorization",
    "in": "header",
    "description": "AWS Signature Version 4, service execute-api.",
    "x-amazon-apigateway-authtype": "awsSigv4",
}
#: Codes and statuses that only API Gateway returns.
_GATEWAY_CODES = ["forbidden", "throttled", "timeout"]
_GATEWAY_STATUSES = (429, 504)
_IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes a retry of a body without timestamps the same request, for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}


def describe() -> Schema:
    """The whole document."""
    update = read_schema(contract.UPDATE_SCHEMA)
    fields = update["properties"]
    paths: dict[str, Schema] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, fields)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Logistics Tracking API", "version": contract.VERSION},
        "security": [{"sigv4": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"sigv4": SIGV4},
            "schemas": {
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
                        **{
                            flag: {"const": True, "description": "If asked for."}
                            for flag in ("stalled", "overdue")
                        },
                    },
                ),
                "Shipment": _shipment(fields),
                "KeptUpdate": _kept(update),
                "Error": error_schema(),
            },
        },
    }


def render() -> str:
    """The document's text."""
    return json.dumps(describe(), indent=2) + "\n"


def main() -> None:
    """Write the document."""
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(render(), encoding="utf-8")
    print(f"Wrote {DOCUMENT.relative_to(Path.cwd())}")


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
                **_TIME,
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
            "timestamp": _TIME,
            "status": fields["status"],
            "location": location_schema(fields),
            "environment": {"type": "string"},
            "created_at": {"type": "string", "description": "When it was stored: YYYY-MM-DD HH:MM:SS, UTC."},
        },
        {
            "arrived_at": {
                **_TIME,
                "description": "When it was stored; absent if an earlier release stored it.",
            },
            **{name: fields[name] for name in OPTIONAL},
            "metadata": fields["metadata"],
            "event_time": {**_TIME, "description": "Its own time, if another update had that millisecond."},
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
            "since": {**_TIME, "description": "Of the first update with the status; ms since the epoch."},
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
            "first_update": _TIME,
            "last_update": _TIME,
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


def _operation(route: Route, fields: Schema) -> Schema:
    if route.body:
        body = {"required": True, "content": {"application/json": {"schema": ref(route.body.name)}}}
        request = {"parameters": [_IDEMPOTENCY_KEY], "requestBody": body}
        responses = _responses(route.answer, [400, 413, 415, 422])
    else:
        inside = [
            {"name": name, "in": "path", "required": True, "schema": fields[name]}
            for name in route.path_parameters
        ]
        named = {**fields, "reference": fields["references"]["items"]}
        request = {"parameters": inside + [describe_parameter(one, named) for one in route.parameters]}
        of_one = any(parameter.name == "tracking_id" for parameter in route.parameters)
        responses = _responses(
            route.answer, [400, *([404] if inside else []), *([409] if inside or of_one else [])]
        )
    return {"summary": route.summary, **request, "responses": responses}


def describe_parameter(parameter: Parameter | WholeNumber, fields: Schema) -> Schema:
    """A parameter of the query; `fields` are the schemas of those that are named as what they may be."""
    required = {"required": True} if parameter.required else {}
    place: Schema = {"name": parameter.name, "in": "query", **required}
    meaning = {"description": parameter.meaning} if parameter.meaning else {}
    if isinstance(parameter, WholeNumber):
        schema = {"minimum": parameter.minimum, "maximum": parameter.maximum}
        default = {} if required else {"default": parameter.default}
        unit = {"description": parameter.unit} if parameter.unit else {}
        return {**place, **meaning, "schema": {"type": "integer", **unit, **schema, **default}}
    if parameter.name in fields:
        return {**place, **meaning, "schema": fields[parameter.name]}
    if parameter.flag:
        return {**place, **meaning, "schema": {"const": "true"}}
    if parameter.choices:
        return {**place, **meaning, "schema": {"enum": [*parameter.choices], "default": parameter.choices[0]}}
    return {**place, "schema": {"type": "string", **meaning}}


def _responses(answer: str, errors: list[int]) -> Schema:
    request_id = {"X-Request-Id": {"schema": {"type": "string"}}}
    retry_after = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    responses = {
        "200": {
            "description": "Done.",
            "headers": request_id,
            "content": {"application/json": {"schema": ref(answer)}},
        }
    }
    for status in sorted({*errors, *_GATEWAY_STATUSES, 403, 500, 503}):
        responses[str(status)] = {
            "description": _REASONS[status],
            "headers": {
                **(request_id if status not in _GATEWAY_STATUSES else {}),
                **(retry_after if status in (*_GATEWAY_STATUSES, 503) else {}),
            },
            "content": {"application/json": {"schema": ref("Error")}},
        }
    return responses


if __name__ == "__main__":
    main()
