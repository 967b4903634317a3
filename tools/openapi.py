"""Writes docs/openapi.json, the description of the tracking API (OpenAPI 3.1)."""

import json
from pathlib import Path

import contract
from contract.routes import ROUTES, Parameter, Route, WholeNumber
from tools.openapi_schemas import Schema, read_schema, ref, schemas

DOCUMENT = Path(__file__).parent.parent / "docs" / "openapi.json"

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
#: Statuses that only API Gateway returns.
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
            "schemas": schemas(update),
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
