"""Answers requests as API Gateway does for a deployed REST API with Lambda proxy integrations."""

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from botocore.credentials import Credentials
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotFound
from werkzeug.http import parse_accept_header, parse_options_header
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Response
from werkzeug.wsgi import get_input_stream

from local import model, proxy
from local.aws import CREDENTIALS
from local.deployed import Api, Method
from local.function import PayloadTooLargeError, ThrottledError, trace_id
from local.proxy import Request
from local.server import RAW_HEADERS
from local.sigv4 import SignatureError, Signed, verify

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Bytes of a request's body; https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
BODY_LIMIT = 10 * 1024 * 1024
#: Integrations that run at the same time; more wait.
CONCURRENCY = 32

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
_TEMPLATE = {"application/json": '{"message":$context.error.messageString}'}
_VARIABLE = r"\$((?:context|stageVariables)(?:\.\w+)+|method\.request\.(?:header|path|querystring)\.[\w-]+)"


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


class RestApi:
    """A deployed REST API as a WSGI application.

    Args:
        api: the API as it is deployed.
        log: gets a line for each answer that is the API's or a function's fault.
    """

    def __init__(self, api: Api, log: Callable[[str], None]) -> None:
        self._api = api
        self._log = log
        self._credentials = Credentials(*CREDENTIALS.values())
        greedy = {path: re.sub(r"{(\w+)\+}", r"<path:\1>", path) for path in api.methods}
        rules = [Rule(re.sub(r"{(\w+)}", r"<\1>", rule), endpoint=path) for path, rule in greedy.items()]
        self._routes = Map(rules, strict_slashes=False, merge_slashes=False).bind("")
        self._workers = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="integration")

    def close(self) -> None:
        """Start no more integrations; those that run end with their functions."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path, _, query = environ["REQUEST_URI"].partition("?")
        stage, _, rest = path[1:].partition("/")
        body = get_input_stream(environ).read(BODY_LIMIT + 1)  # the byte too many tells that it is too long
        request = Request(
            wire=Signed(environ["REQUEST_METHOD"], path, query, environ[RAW_HEADERS], body),
            id=str(uuid.uuid4()),
            trace=trace_id(),
            path="/" + rest,
            query=parse_qsl(query, keep_blank_values=True),
            address=environ["REMOTE_ADDR"],
            protocol=environ["SERVER_PROTOCOL"],
            at=datetime.now(UTC),
        )
        if stage == self._api.stage:
            response = self._answer(request)
        else:  # no gateway response applies, since these belong to a stage
            response = Response('{"message":"Forbidden"}', 403, content_type="application/json")
            response.headers["x-amzn-ErrorType"] = "ForbiddenException"
        response.headers["x-amzn-RequestId"] = request.id
        response.headers["x-amz-apigw-id"] = proxy.extended_id()
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        method: Method | None = None
        try:
            method, request = self._route(request)
            self._admit(method, request)
            return self._integrate(method, request)
        except _GatewayError as error:
            if error.status >= 500:
                self._log(f"{request.wire.method} {request.path} {error.status}: {error.__cause__ or error}")
            return self._gateway_response(error, method, request)

    def _route(self, request: Request) -> tuple[Method, Request]:
        methods: Mapping[str, Method] = {}
        values: Mapping[str, str] = {}
        try:
            path, values = self._routes.match(request.path)
            methods = self._api.methods[path]
        except NotFound:
            pass  # one and the same answer as for a method that is not there
        method = methods.get(request.wire.method) or methods.get("ANY")
        if method is None:
            raise _GatewayError("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
        decoded = {name: unquote(value) for name, value in values.items()}
        return method, replace(request, path_parameters=decoded)

    def _admit(self, method: Method, request: Request) -> None:
        wire = request.wire
        if len(wire.body) > BODY_LIMIT:
            raise _GatewayError("REQUEST_TOO_LARGE", f"HTTP content length exceeded {BODY_LIMIT} bytes.")
        if method.signed:
            try:
                verify(wire, credentials=self._credentials, region=self._api.region, now=request.at)
            except SignatureError as error:
                absent = error.kind == "MissingAuthenticationTokenException"
                response = "MISSING_AUTHENTICATION_TOKEN" if absent else "INVALID_SIGNATURE"
                raise _GatewayError(response, str(error), kind=error.kind) from error
        if not method.throttle.take():
            raise _GatewayError("THROTTLED", "Too Many Requests")
        missing = [name for where, name in method.required if not (request.value(where, name) or "").strip()]
        if missing:
            message = f"Missing required request parameters: [{', '.join(missing)}]"
            raise _GatewayError("BAD_REQUEST_PARAMETERS", message, details=message)
        media, _ = parse_options_header(wire.header("content-type") or "application/json")
        schema = method.models.get(media.lower(), method.models.get("$default"))
        if schema is not None and (faults := model.faults(schema, wire.body)):
            details = f"[{', '.join(faults)}]"
            raise _GatewayError("BAD_REQUEST_BODY", "Invalid request body", details=details)

    def _integrate(self, method: Method, request: Request) -> Response:
        internal = "Internal server error"
        if not method.permitted:
            reason = PermissionError(f"API Gateway has no permission to invoke {method.function.name}")
            raise _GatewayError("API_CONFIGURATION_ERROR", internal) from reason
        event = proxy.event(self._api, method, request)
        running = self._workers.submit(method.function.invoke, event, trace=request.trace)
        try:
            invocation = running.result(method.timeout)
        except TimeoutError as error:
            raise _GatewayError("INTEGRATION_TIMEOUT", "Endpoint request timed out") from error
        except ThrottledError as error:
            raise _GatewayError("INTEGRATION_FAILURE", internal) from error
        except PayloadTooLargeError as error:
            raise _GatewayError("REQUEST_TOO_LARGE", "Request Too Long") from error
        if invocation.timed_out:
            raise _GatewayError("INTEGRATION_TIMEOUT", "Endpoint request timed out")
        try:
            if invocation.error:
                raise proxy.MalformedAnswerError(invocation.payload["errorMessage"])
            response = proxy.response(self._api, invocation.payload, request)
        except proxy.MalformedAnswerError as error:
            raise _GatewayError("DEFAULT_5XX", internal) from error
        response.headers["X-Amzn-Trace-Id"] = f"Root={request.trace}"
        return response

    def _gateway_response(self, error: _GatewayError, method: Method | None, request: Request) -> Response:
        fallback = "DEFAULT_4XX" if error.status < 500 else "DEFAULT_5XX"
        responses = self._api.gateway_responses
        custom = responses.get(error.response) or responses.get(fallback) or {}
        templates = custom.get("responseTemplates") or _TEMPLATE
        offered = sorted(templates, key=lambda media: (media != "application/json", media))
        accept = parse_accept_header(request.wire.header("accept"), MIMEAccept)
        media = accept.best_match(offered, offered[0])
        quoted = json.dumps(str(error))
        context = proxy.context(self._api, method, request)
        # These go into the strings of a JSON template; messageString alone brings its quotes along.
        context["error"] = {
            "message": quoted[1:-1],
            "messageString": quoted,
            "responseType": error.response,
            "validationErrorString": json.dumps(error.details)[1:-1],
        }

        def look_up(expression: str) -> str:
            scope, *names = expression.split(".")
            if scope == "method":
                return request.value(names[1], names[2]) or ""
            value: Any = context if scope == "context" else self._api.variables
            for name in names:
                value = value.get(name) if isinstance(value, dict) else None
            return "" if value is None else str(value)

        body = re.sub(_VARIABLE, lambda found: look_up(found[1]), templates[media])
        response = Response(body, int(custom.get("statusCode") or error.status), content_type=media)
        response.headers["x-amzn-ErrorType"] = error.kind
        for name, value in (custom.get("responseParameters") or {}).items():
            text = value[1:-1] if value.startswith("'") else look_up(value)
            response.headers[name.removeprefix("gatewayresponse.header.")] = text
        return response
