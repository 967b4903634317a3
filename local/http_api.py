"""Serves a deployed HTTP API on a port of this machine, with Lambda proxy integrations of payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
Whatever the API asks for beyond what stands here is refused when it is read, so that nothing is silently left out.
"""

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from werkzeug.http import parse_options_header
from werkzeug.wrappers import Response
from werkzeug.wsgi import get_input_stream

from local.deployed import (
    ACCOUNT_BURST,
    ACCOUNT_RATE,
    TokenBucket,
    UnsupportedApiError,
    client,
    permitted_sources,
)
from local.function import Function, PayloadTooLargeError, ThrottledError, trace_id
from local.proxy import MalformedAnswerError
from local.rest_api import BODY_LIMIT, CONCURRENCY
from local.server import RAW_HEADERS, Server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
INTEGRATION_MS = 30_000

#: What the gateway says for itself; an HTTP API has no gateway responses with which to change it.
_MESSAGES = {
    404: "Not Found",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
#: Bodies that come to the function as they are; others come in base64.
_TEXT = re.compile(r"text/.*|application/(json|xml|javascript)|.*\+(json|xml)")


class _Refusal(Exception):
    """A request that the gateway answers itself, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(_MESSAGES[status])
        self.status = status


@dataclass(frozen=True)
class _Route:
    key: str
    function: Function
    permitted: bool
    """Whether the function's policy lets this route invoke it."""
    timeout: float
    """Seconds."""

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        """The path's parameters, if the route takes the request."""
        if self.key == "$default":
            return {}
        wanted, _, template = self.key.partition(" ")
        if wanted not in (method, "ANY"):
            return None
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
        pattern = re.sub(r"\\{(\w+)\\\+\\}", r"(?P<\1>.+)", pattern)
        found = re.fullmatch(pattern, path, re.DOTALL)
        return found and found.groupdict()

    @property
    def rank(self) -> tuple[bool, bool, int, bool]:
        """Those that say more go first."""
        return self.key == "$default", "+}" in self.key, self.key.count("{"), self.key.startswith("ANY ")


class HttpGateway(Server):
    """A deployed HTTP API, served while the context lasts.

    The API is read once, when this object is made: after another deployment make another one.

    Args:
        api_name: the API's name, which must be unique in its region.
        endpoint: base URL of the embedded AWS.
        region: the API's region.
        functions: the functions that the API integrates, by name.
        port: the port to listen on; 0 for a free one.
        log: gets a line for each answer that is the API's or a function's fault.

    Raises:
        local.server.PortTakenError: another program listens on the port.
        LookupError: there is no such API, no stage $default, or no such function.
        UnsupportedApiError: the API has what this gateway cannot do.
    """

    def __init__(
        self,
        api_name: str,
        *,
        endpoint: str,
        region: str,
        functions: Mapping[str, Function],
        port: int = 0,
        log: Callable[[str], None] = print,
    ) -> None:
        gateway, lambda_ = (client(service, endpoint, region) for service in ("apigatewayv2", "lambda"))
        found = [api for api in _items(gateway, "get_apis") if api["Name"] == api_name]
        if len(found) != 1:
            raise LookupError(f"There are {len(found)} HTTP APIs named {api_name} in {region}, not one.")
        self._id = found[0]["ApiId"]
        self._cors: dict[str, Any] = found[0].get("CorsConfiguration") or {}
        stages = {stage["StageName"]: stage for stage in _items(gateway, "get_stages", ApiId=self._id)}
        if "$default" not in stages:
            raise LookupError(f"{api_name} has no stage $default.")
        limits = stages["$default"].get("DefaultRouteSettings") or {}
        self._throttle = TokenBucket(
            limits.get("ThrottlingRateLimit", ACCOUNT_RATE), limits.get("ThrottlingBurstLimit", ACCOUNT_BURST)
        )
        integrations = {
            f"integrations/{integration['IntegrationId']}": integration
            for integration in _items(gateway, "get_integrations", ApiId=self._id)
        }
        sources = {name: permitted_sources(lambda_, name) for name in functions}

        def read(route: Mapping[str, Any]) -> _Route:
            key, integration = route["RouteKey"], integrations[route["Target"]]
            for value, known in (
                (route.get("AuthorizationType") or "NONE", "NONE"),
                (integration["IntegrationType"], "AWS_PROXY"),
                (integration.get("PayloadFormatVersion"), "2.0"),
            ):
                if value != known:
                    raise UnsupportedApiError(
                        f"The local gateway knows {known} and not {value}, as in {key}."
                    )
            name = re.sub(r".*:function:([^:/]+).*", r"\1", integration["IntegrationUri"])
            if name not in functions:
                raise LookupError(f"{key} integrates {name}, which is not among the functions.")
            _, partition, _, _, account, *_ = functions[name].arn.split(":")
            path = key.partition(" ")[2]
            source = f"arn:{partition}:execute-api:{region}:{account}:{self._id}/$default/{path or key}"
            return _Route(
                key,
                functions[name],
                any(fnmatchcase(source, pattern) for pattern in sources[name]),
                int(integration.get("TimeoutInMillis") or INTEGRATION_MS) / 1000,
            )

        routes = map(read, _items(gateway, "get_routes", ApiId=self._id))
        self._routes = sorted(routes, key=lambda route: route.rank)
        self._log = log
        self._workers = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="integration")
        super().__init__(self._serve, port)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = _Request(environ, self._id)
        if request.method == "OPTIONS" and self._cors:
            response = Response(status=204)
            del response.headers["Content-Type"]
            if "access-control-request-method" in request.headers:
                self._allow(request, response, preflight=True)
        else:
            response = self._answer(request)
        response.headers["apigw-requestid"] = request.id
        return response(environ, start_response)

    def _answer(self, request: "_Request") -> Response:
        try:
            if not self._throttle.take():
                raise _Refusal(429)
            if len(request.body) > BODY_LIMIT:
                raise _Refusal(413)
            response = _response(self._integrate(request))
        except (_Refusal, MalformedAnswerError) as error:
            status = error.status if isinstance(error, _Refusal) else 500
            if status >= 500:
                self._log(f"{request.method} {request.path} {status}: {error.__cause__ or error}")
            return Response(
                json.dumps({"message": _MESSAGES[status]}), status, content_type="application/json"
            )
        if self._cors:
            for name in [name for name, _ in response.headers if name.lower().startswith("access-control-")]:
                response.headers.remove(name)
            self._allow(request, response, preflight=False)
        return response

    def _integrate(self, request: "_Request") -> Any:
        route, parameters = next(
            (
                (route, found)
                for route in self._routes
                if (found := route.match(request.method, request.path)) is not None
            ),
            (None, {}),
        )
        if route is None:
            raise _Refusal(404)
        if not route.permitted:
            reason = PermissionError(f"API Gateway has no permission to invoke {route.function.name}")
            raise _Refusal(500) from reason
        running = self._workers.submit(
            route.function.invoke, request.event(route, parameters), trace=request.trace
        )
        try:
            invocation = running.result(route.timeout)
        except PayloadTooLargeError as error:
            raise _Refusal(413) from error
        except (TimeoutError, ThrottledError) as error:
            raise _Refusal(503) from error
        if invocation.timed_out:
            raise _Refusal(503)
        if invocation.error:
            raise MalformedAnswerError(invocation.payload["errorMessage"])
        return invocation.payload

    def _allow(self, request: "_Request", response: Response, *, preflight: bool) -> None:
        """Adds the CORS headers for the request's origin, if it is an allowed one.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
        """
        origin, origins = request.headers.get("origin"), self._cors.get("AllowOrigins", [])
        if origin is None or not (origin in origins or "*" in origins):
            return
        lists = {"Expose-Headers": "ExposeHeaders"}
        if preflight:
            lists = {"Allow-Methods": "AllowMethods", "Allow-Headers": "AllowHeaders"}
            response.headers["Access-Control-Max-Age"] = str(self._cors.get("MaxAge", 0))
        response.headers["Access-Control-Allow-Origin"] = "*" if "*" in origins else origin
        if self._cors.get("AllowCredentials"):
            response.headers["Access-Control-Allow-Credentials"] = "true"
        for header, member in lists.items():
            if self._cors.get(member):
                response.headers[f"Access-Control-{header}"] = ",".join(self._cors[member])


class _Request:
    def __init__(self, environ: "WSGIEnvironment", api: str) -> None:
        self._api = api
        self._at = datetime.now(UTC)
        self.id, self.trace = str(uuid.uuid4()), trace_id()
        self.method: str = environ["REQUEST_METHOD"]
        path, _, self._query = environ["REQUEST_URI"].partition("?")
        # As an HTTP API does, although payload format 2.0 calls this path raw: it is decoded, and what comes after
        # a decoded question mark is lost.
        self.path = unquote(path).partition("?")[0]
        self.headers = _joined((name.lower(), value) for name, value in environ[RAW_HEADERS])
        self._cookies = self.headers.pop("cookie", "")
        self._address, self._protocol = environ["REMOTE_ADDR"], environ["SERVER_PROTOCOL"]
        self.body = get_input_stream(environ).read(
            BODY_LIMIT + 1
        )  # the byte too many tells that it is too long

    def event(self, route: _Route, parameters: Mapping[str, str]) -> dict[str, Any]:
        """What the function is invoked with."""
        host = self.headers.get("host", "")
        forwarded = self.headers.get("x-forwarded-for")
        media, _ = parse_options_header(self.headers.get("content-type"))
        encoded = bool(self.body) and not _TEXT.fullmatch(media.lower())
        event = {
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": self.path,
            "rawQueryString": self._query,
            "headers": {
                **self.headers,
                "x-amzn-trace-id": f"Root={self.trace}",
                "x-forwarded-for": f"{forwarded}, {self._address}" if forwarded else self._address,
                "x-forwarded-port": host.partition(":")[2] or "80",
                "x-forwarded-proto": "http",
            },
            "requestContext": {
                "accountId": route.function.arn.split(":")[4],
                "apiId": self._api,
                "domainName": host,
                "domainPrefix": host.partition(".")[0],
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": self._protocol,
                    "sourceIp": self._address,
                    "userAgent": self.headers.get("user-agent", ""),
                },
                "requestId": self.id,
                "routeKey": route.key,
                "stage": "$default",
                "time": f"{self._at:%d/%b/%Y:%H:%M:%S %z}",
                "timeEpoch": int(self._at.timestamp() * 1000),
            },
            "isBase64Encoded": encoded,
        }
        optional = {
            "cookies": self._cookies.split("; ") if self._cookies else None,
            "queryStringParameters": _joined(parse_qsl(self._query, keep_blank_values=True)),
            "pathParameters": parameters,
            "body": base64.b64encode(self.body).decode() if encoded else self.body.decode(errors="replace"),
        }
        return event | {name: value for name, value in optional.items() if value}


def _response(answer: Any) -> Response:
    """What the client gets for what the function returned. Raises MalformedAnswerError."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return Response(text, content_type="application/json")
    body: Any = answer.get("body") or ""
    headers: Any = answer.get("headers") or {}
    try:
        content = base64.b64decode(body, validate=True) if answer.get("isBase64Encoded") else body.encode()
        response = Response(content, int(answer["statusCode"]), content_type="text/plain;charset=UTF-8")
        for name, value in headers.items():
            response.headers[name] = value
        for cookie in answer.get("cookies") or []:
            response.headers.add("Set-Cookie", cookie)
    except (AttributeError, TypeError, ValueError) as error:
        raise MalformedAnswerError(str(error)) from error
    return response


def _items(client: Any, operation: str, **parameters: Any) -> list[dict[str, Any]]:
    return [item for page in client.get_paginator(operation).paginate(**parameters) for item in page["Items"]]


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The values by their names; those of one name are joined with commas."""
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name in values else value
    return values
