"""Serves a deployed REST API on a port of this machine, and answers as API Gateway does."""

import json
import re
from typing import Any

from botocore.credentials import Credentials
from werkzeug.http import parse_options_header
from werkzeug.wrappers import Response

from local import model, proxy, rest_api
from local.aws import CREDENTIALS
from local.function import PayloadTooLargeError, ThrottledError
from local.integration import BODY_LIMIT, ApiServer, MalformedAnswerError
from local.rest_api import GatewayResponse, Method, RestApi
from local.server import HttpRequest
from local.sigv4 import SignatureError, verify

#: Types of gateway responses with their HTTP status and error type;
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
_GATEWAY_RESPONSES = {
    "API_CONFIGURATION_ERROR": (500, "InternalServerErrorException"),
    "BAD_REQUEST_BODY": (400, "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": (400, "BadRequestException"),
    "DEFAULT_5XX": (502, "InternalServerErrorException"),
    "INTEGRATION_FAILURE": (500, "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": (504, "InternalServerErrorException"),
    "INVALID_SIGNATURE": (403, "InvalidSignatureException"),
    "MISSING_AUTHENTICATION_TOKEN": (403, "MissingAuthenticationTokenException"),
    "REQUEST_TOO_LARGE": (413, "RequestEntityTooLargeException"),
    "THROTTLED": (429, "TooManyRequestsException"),
}
_USUAL = GatewayResponse(None, '{"message":$context.error.messageString}', {})
#: What an integration may raise, as the type of a gateway response and its message.
_INTEGRATION_ERRORS = {
    PermissionError: ("API_CONFIGURATION_ERROR", "Internal server error"),
    TimeoutError: ("INTEGRATION_TIMEOUT", "Endpoint request timed out"),
    ThrottledError: ("INTEGRATION_FAILURE", "Internal server error"),
    PayloadTooLargeError: ("REQUEST_TOO_LARGE", "Request Too Long"),
    MalformedAnswerError: ("DEFAULT_5XX", "Internal server error"),
}


class _GatewayError(Exception):
    """A request that API Gateway answers itself, with the gateway response of this type.

    The message is ``$context.error.message``, ``details`` is ``$context.error.validationErrorString``.
    """

    def __init__(self, response: str, message: str, *, kind: str | None = None, details: str = "") -> None:
        super().__init__(message)
        self.response = response
        self.status, default = _GATEWAY_RESPONSES[response]
        self.kind = kind or default
        self.details = details


class Gateway(ApiServer):
    """A stage of a deployed REST API, served while the context lasts; see `ApiServer` for the rest.

    Args:
        stage: the name of the stage to serve.
    """

    url: str
    """Where the stage is, for example ``http://127.0.0.1:8080/dev``."""

    def __init__(self, api_name: str, stage: str, **rest: Any) -> None:
        self._stage = stage
        super().__init__(api_name, **rest)
        self.url = f"{self.url}/{stage}"

    def read(self) -> None:
        self._api = rest_api.read(
            self._api_name,
            self._stage,
            endpoint=self._endpoint,
            region=self._region,
            functions=self._functions,
        )

    def answer(self, request: HttpRequest) -> Response:
        api = self._api
        stage, _, rest = request.path[1:].partition("/")
        if stage != api.stage:
            response = _bare(403, "Forbidden", "ForbiddenException")
        elif re.search(r"[|{}]", request.query):
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
            response = _bare(400, "Bad Request", "BadRequestException")
        else:
            method = api.find(request.method, f"/{rest.removesuffix('/')}")
            try:
                response = self._integrate(api, self._admit(api, method, request), request)
            except _GatewayError as error:
                if error.status >= 500:
                    request.fault = error.__cause__ or error
                response = _gateway_response(api, error, method, request)
        response.headers["x-amzn-RequestId"] = request.id
        response.headers["x-amz-apigw-id"] = proxy.extended_id()
        return response

    def _admit(self, api: RestApi, method: Method | None, request: HttpRequest) -> Method:
        """The method, if it takes the request."""
        if method is None:
            raise _GatewayError("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
        if len(request.body) > BODY_LIMIT:
            raise _GatewayError("REQUEST_TOO_LARGE", f"HTTP content length exceeded {BODY_LIMIT} bytes.")
        try:
            verify(request, credentials=Credentials(*CREDENTIALS.values()), region=api.region, now=request.at)
        except SignatureError as error:
            absent = error.kind == "MissingAuthenticationTokenException"
            response = "MISSING_AUTHENTICATION_TOKEN" if absent else "INVALID_SIGNATURE"
            raise _GatewayError(response, str(error), kind=error.kind) from error
        if not method.throttle.take():
            raise _GatewayError("THROTTLED", "Too Many Requests")
        query = dict(proxy.query(request))
        if missing := [name for name in method.required if not query.get(name, "").strip()]:
            message = f"Missing required request parameters: [{', '.join(missing)}]"
            raise _GatewayError("BAD_REQUEST_PARAMETERS", message, details=message)
        media, _ = parse_options_header(request.header("content-type") or "application/json")
        if (
            method.model is not None
            and media.lower() == "application/json"
            and (faults := model.faults(method.model, request.body))
        ):
            details = f"[{', '.join(faults)}]"
            raise _GatewayError("BAD_REQUEST_BODY", "Invalid request body", details=details)
        return method

    def _integrate(self, api: RestApi, method: Method, request: HttpRequest) -> Response:
        event = proxy.event(api, method, request)
        try:
            invocation = method.integration.invoke(event, request, self._workers)
            response = proxy.response(invocation.payload)
        except tuple(_INTEGRATION_ERRORS) as error:
            raise _GatewayError(*_INTEGRATION_ERRORS[type(error)]) from error
        response.headers["X-Amzn-Trace-Id"] = f"Root={request.trace}"
        return response


def _bare(status: int, message: str, kind: str) -> Response:
    """An answer outside of any stage, to which gateway responses do not apply."""
    response = Response(json.dumps({"message": message}), status, content_type="application/json")
    response.headers["x-amzn-ErrorType"] = kind
    return response


def _gateway_response(
    api: RestApi, error: _GatewayError, method: Method | None, request: HttpRequest
) -> Response:
    fallback = "DEFAULT_4XX" if error.status < 500 else "DEFAULT_5XX"
    custom = api.gateway_responses.get(error.response) or api.gateway_responses.get(fallback) or _USUAL
    quoted = json.dumps(str(error))
    context = proxy.context(api, method, request)
    # These go into the strings of a JSON template; messageString alone brings its quotes along.
    context["error"] = {
        "message": quoted[1:-1],
        "messageString": quoted,
        "responseType": error.response,
        "validationErrorString": json.dumps(error.details)[1:-1],
    }

    def look_up(found: re.Match[str]) -> str:
        value: Any = context
        for name in found[1].split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return "" if value is None else str(value)

    body = re.sub(r"\$context\.(\w+(?:\.\w+)*)", look_up, custom.template)
    response = Response(body, custom.status or error.status, content_type="application/json")
    response.headers["x-amzn-ErrorType"] = error.kind
    for name, value in custom.headers.items():
        response.headers[name] = value
    return response
