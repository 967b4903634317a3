"""What the REST API answers when it refuses a request before the function sees it."""

from stacks.constructs.rest_api import GatewayResponse


def _response(kind: str, status: str | None, code: str, **headers: str) -> GatewayResponse:
    """In the function's own shape of an error; API Gateway fills in the variables, quoting the message itself.

    Why a body was refused stays out: ``$context.error.validationErrorString`` holds quotation marks, AWS does not
    document whether it escapes them, and a template has no function that would.

    Args:
        status: what AWS keeps for this type where none is given, so that no plan wants to take it away; the types
            that stand for others have none.
        headers: with underscores for hyphens.
    """
    template = (
        f'{{"error": $context.error.messageString, "code": "{code}", '
        f'"request_id": "$context.requestId", "errors": []}}'
    )
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return GatewayResponse(kind, template, status, names)


GATEWAY_RESPONSES = [
    _response("BAD_REQUEST_BODY", "400", "invalid_request"),
    _response("BAD_REQUEST_PARAMETERS", "400", "invalid_request"),
    _response("REQUEST_TOO_LARGE", "413", "too_large"),
    _response("UNSUPPORTED_MEDIA_TYPE", "415", "unsupported_media_type"),
    _response("THROTTLED", "429", "throttled", Retry_After="1"),
    _response("INTEGRATION_TIMEOUT", "504", "timeout", Retry_After="1"),
    # All others of 4xx concern the signature or the caller's rights.
    _response("DEFAULT_4XX", None, "forbidden"),
    _response("DEFAULT_5XX", None, "internal_error"),
]
