"""Serves a deployed HTTP API on a port of this machine, and answers as API Gateway does.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html
Whatever the API asks for beyond what stands here is refused when it is read, so that nothing is silently left out.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.credentials import Credentials
from werkzeug.wrappers import Response

from local import http_event
from local.aws import CREDENTIALS, client
from local.function import Function, PayloadTooLargeError, ThrottledError
from local.integration import (
    ACCOUNT_BURST,
    ACCOUNT_RATE,
    BODY_LIMIT,
    ApiServer,
    Integration,
    IntegrationReader,
    MalformedAnswerError,
    TokenBucket,
    only_one,
    refuse_unless,
)
from local.jwt_authorizer import ForbiddenError, JwtAuthorizer, UnauthorizedError
from local.server import HttpRequest
from local.sigv4 import SignatureError, verify

#: Milliseconds that an integration may take;
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
INTEGRATION_MS = 30_000

#: What the gateway says for itself; an HTTP API has no gateway responses with which to change it.
_MESSAGES = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
#: The status for what an integration may raise.
_INTEGRATION_ERRORS = {
    PermissionError: 500,
    TimeoutError: 503,
    ThrottledError: 503,
    PayloadTooLargeError: 413,
    MalformedAnswerError: 500,
}


@dataclass(frozen=True)
class _Route:
    key: str
    integration: Integration
    signed: bool
    """Whether callers have to sign."""
    authorizer: JwtAuthorizer | None
    """What checks their JWTs, if they have to send one."""

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        """The path's parameters, if the route takes the request."""
        if self.key == "$default":
            return {}
        wanted, _, template = self.key.partition(" ")
        if wanted != method:
            return None
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
        pattern = re.sub(r"\\{(\w+)\\\+\\}", r"(?P<\1>.+)", pattern)
        found = re.fullmatch(pattern, path, re.DOTALL)
        return found and found.groupdict()

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """Those that say more go first."""
        return self.key == "$default", "+}" in self.key, self.key.count("{")


@dataclass(frozen=True)
class _Api:
    id: str
    region: str
    cors: Mapping[str, Any]
    routes: list[_Route]
    throttle: TokenBucket
    caller: Mapping[str, str]
    """Whom the embedded AWS takes everybody for who signs with its credentials."""


class HttpGateway(ApiServer):
    """A deployed HTTP API, served while the context lasts; see `ApiServer`."""

    def read(self) -> None:
        self._api = _read(
            self._api_name, endpoint=self._endpoint, region=self._region, functions=self._functions
        )

    def answer(self, request: HttpRequest) -> Response:
        api = self._api
        if request.method == "OPTIONS" and api.cors:
            response = Response(status=204)
            del response.headers["Content-Type"]
            if request.header("access-control-request-method"):
                _allow(api.cors, request, response, preflight=True)
        else:
            response = self._route(api, request)
        response.headers["apigw-requestid"] = request.id
        return response

    def _route(self, api: _Api, request: HttpRequest) -> Response:
        path = http_event.path(request)
        matches = ((route, route.match(request.method, path)) for route in api.routes)
        route, parameters = next(
            ((route, found) for route, found in matches if found is not None), (None, {})
        )
        if not api.throttle.take():
            return _refusal(429)
        if len(request.body) > BODY_LIMIT:
            return _refusal(413)
        if route is None:
            return _refusal(404)
        if route.signed:
            credentials = Credentials(*CREDENTIALS.values())
            try:
                verify(request, credentials=credentials, region=api.region, now=request.at)
            except SignatureError:
                return _refusal(403)
        try:
            jwt = route.authorizer.authorize(request) if route.authorizer else None
        except UnauthorizedError:
            return _refusal(401)
        except ForbiddenError:
            return _refusal(403)
        event = http_event.event(
            request,
            api=api.id,
            account=api.caller["Account"],
            route=route.key,
            parameters=parameters,
            caller=api.caller if route.signed else None,
            jwt=jwt,
        )
        try:
            invocation = route.integration.invoke(event, request, self._workers)
            response = http_event.response(invocation.payload)
        except tuple(_INTEGRATION_ERRORS) as error:
            status = _INTEGRATION_ERRORS[type(error)]
            if status >= 500:
                request.fault = error
            return _refusal(status)
        if api.cors:
            for name in [name for name, _ in response.headers if name.lower().startswith("access-control-")]:
                response.headers.remove(name)
            _allow(api.cors, request, response, preflight=False)
        return response


def _read(api_name: str, *, endpoint: str, region: str, functions: Mapping[str, Function]) -> _Api:
    gateway = client("apigatewayv2", endpoint, region)
    found = only_one(
        [api for api in _items(gateway, "get_apis") if api["Name"] == api_name], "HTTP", api_name, region
    )
    id, cors = found["ApiId"], found.get("CorsConfiguration") or {}
    refuse_unless(api_name, "CORS AllowCredentials", cors.get("AllowCredentials", False), False)
    stages = {stage["StageName"]: stage for stage in _items(gateway, "get_stages", ApiId=id)}
    if "$default" not in stages:
        raise LookupError(f"{api_name} has no stage $default.")
    limits = stages["$default"].get("DefaultRouteSettings") or {}
    targets = {
        f"integrations/{integration['IntegrationId']}": integration
        for integration in _items(gateway, "get_integrations", ApiId=id)
    }
    integrations = IntegrationReader(
        functions, endpoint=endpoint, region=region, scope=f"{id}/$default", most_ms=INTEGRATION_MS
    )

    def read(route: Mapping[str, Any]) -> _Route:
        key, target = route["RouteKey"], targets[route["Target"]]
        authorization = route.get("AuthorizationType") or "NONE"
        authorizer = None
        if authorization == "JWT":
            found = gateway.get_authorizer(ApiId=id, AuthorizerId=route["AuthorizerId"])
            authorizer = JwtAuthorizer.read(key, found, route.get("AuthorizationScopes") or ())
        elif authorization != "AWS_IAM":
            refuse_unless(key, "AuthorizationType", authorization, "NONE")
        for name, value, known in (
            ("IntegrationType", target["IntegrationType"], "AWS_PROXY"),
            ("PayloadFormatVersion", target.get("PayloadFormatVersion"), "2.0"),
            ("method ANY", key.startswith("ANY "), False),
        ):
            refuse_unless(key, name, value, known)
        path = key.partition(" ")[2] or key
        uri, milliseconds = target["IntegrationUri"], target.get("TimeoutInMillis")
        integration = integrations.read(key, uri, milliseconds, path)
        return _Route(key, integration, authorization == "AWS_IAM", authorizer)

    return _Api(
        id,
        region,
        cors,
        sorted(map(read, _items(gateway, "get_routes", ApiId=id)), key=lambda route: route.rank),
        TokenBucket(
            limits.get("ThrottlingRateLimit", ACCOUNT_RATE), limits.get("ThrottlingBurstLimit", ACCOUNT_BURST)
        ),
        client("sts", endpoint, region).get_caller_identity(),
    )


def _refusal(status: int) -> Response:
    return Response(json.dumps({"message": _MESSAGES[status]}), status, content_type="application/json")


def _allow(cors: Mapping[str, Any], request: HttpRequest, response: Response, *, preflight: bool) -> None:
    """Adds the CORS headers for the request's origin, if it is an allowed one.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    """
    origin, origins = request.header("origin"), cors.get("AllowOrigins", [])
    if origin is None or not (origin in origins or "*" in origins):
        return
    lists = {"Expose-Headers": "ExposeHeaders"}
    if preflight:
        lists = {"Allow-Methods": "AllowMethods", "Allow-Headers": "AllowHeaders"}
        response.headers["Access-Control-Max-Age"] = str(cors.get("MaxAge", 0))
    response.headers["Access-Control-Allow-Origin"] = "*" if "*" in origins else origin
    for header, member in lists.items():
        if cors.get(member):
            response.headers[f"Access-Control-{header}"] = ",".join(cors[member])


def _items(client: Any, operation: str, **parameters: Any) -> list[dict[str, Any]]:
    return [item for page in client.get_paginator(operation).paginate(**parameters) for item in page["Items"]]
