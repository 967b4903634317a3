"""What the REST API takes, and what it answers when it refuses a request before the function sees it."""

import json
from pathlib import Path

import contract
from stacks.constructs.rest_api import GatewayResponse, Model, Route


def _model(name: str, schema: Path) -> Model:
    text = schema.read_text(encoding="utf-8")
    return Model(name, json.loads(text)["title"], text)


ROUTES = [
    Route("POST", "/track", model=_model("TrackingModel", contract.UPDATE_SCHEMA)),
    Route("POST", "/track/batch", model=_model("TrackingBatchModel", contract.BATCH_SCHEMA)),
    Route("GET", "/status", parameters={"tracking_id": True, "limit": False, "last_key": False}),
    Route(
        "GET",
        "/updates",
        parameters={"status": True, "since": False, "until": False, "limit": False, "last_key": False},
    ),
]


def _template(code: str, errors: str = "[]") -> str:
    """The function's own shape of an error; API Gateway fills in the variables, quoting the message itself."""
    return (
        f'{{"error": $context.error.messageString, "code": "{code}", '
        f'"request_id": "$context.requestId", "errors": {errors}}}'
    )


GATEWAY_RESPONSES = [
    GatewayResponse(
        "BAD_REQUEST_BODY",
        _template("invalid_request", '[{"pointer": "", "detail": "$context.error.validationErrorString"}]'),
    ),
    GatewayResponse("BAD_REQUEST_PARAMETERS", _template("invalid_request")),
    GatewayResponse("REQUEST_TOO_LARGE", _template("too_large")),
    GatewayResponse("UNSUPPORTED_MEDIA_TYPE", _template("unsupported_media_type")),
    GatewayResponse("THROTTLED", _template("throttled"), headers={"Retry-After": "1"}),
    GatewayResponse("INTEGRATION_TIMEOUT", _template("timeout"), headers={"Retry-After": "1"}),
    # All others of 4xx concern the signature or the caller's rights.
    GatewayResponse("DEFAULT_4XX", _template("forbidden")),
    GatewayResponse("DEFAULT_5XX", _template("internal_error")),
]
