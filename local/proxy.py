"""Lambda proxy integration, payload format 1.0: a request becomes an event, an answer becomes a response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from werkzeug.http import parse_options_header
from werkzeug.wrappers import Response

from local.aws import CREDENTIALS
from local.deployed import Api, Method
from local.sigv4 import Pairs, Signed

_ANSWER_FIELDS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
#: Headers of a request that belong to the client's connection, and those that the gateway sets itself.
_DROPPED = {
    "connection",
    "content-length",
    "expect",
    "transfer-encoding",
    "x-amzn-trace-id",
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
}
#: Headers of an answer that come out under another name;
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
_REMAPPED = {
    "authorization",
    "connection",
    "content-length",
    "content-md5",
    "date",
    "host",
    "server",
    "trailer",
    "upgrade",
    "www-authenticate",
}


class MalformedAnswerError(Exception):
    """What the function returned is no proxy response."""


@dataclass(frozen=True)
class Request:
    """A request to an API, and what the gateway knows of it."""

    wire: Signed
    id: str
    trace: str
    path: str
    """Without the stage, still encoded."""
    query: Pairs
    address: str
    protocol: str
    at: datetime
    path_parameters: dict[str, str] = field(default_factory=dict)

    def value(self, where: str, name: str) -> str | None:
        """A parameter as ``method.request.{where}.{name}`` names it."""
        if where == "header":
            return self.wire.header(name.lower())
        return {"path": self.path_parameters, "querystring": dict(self.query)}[where].get(name)


def context(api: Api, method: Method | None, request: Request) -> dict[str, Any]:
    """The event's ``requestContext``, which is also the ``$context`` of templates."""
    caller = api.caller if method and method.signed else {}
    host = request.wire.header("host") or ""
    variables = {
        "accountId": api.caller["Account"],
        "apiId": api.id,
        "deploymentId": api.deployment,
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "extendedRequestId": extended_id(),
        "httpMethod": request.wire.method,
        "identity": {
            "accessKey": CREDENTIALS["AWS_ACCESS_KEY_ID"] if caller else None,
            "accountId": caller.get("Account"),
            "caller": caller.get("UserId"),
            "cognitoAuthenticationProvider": None,
            "cognitoAuthenticationType": None,
            "cognitoIdentityId": None,
            "cognitoIdentityPoolId": None,
            "principalOrgId": None,
            "sourceIp": request.address,
            "user": caller.get("UserId"),
            "userAgent": request.wire.header("user-agent"),
            "userArn": caller.get("Arn"),
        },
        "path": request.wire.path,
        "protocol": request.protocol,
        "requestId": request.id,
        "requestTime": f"{request.at:%d/%b/%Y:%H:%M:%S %z}",
        "requestTimeEpoch": int(request.at.timestamp() * 1000),
        "stage": api.stage,
    }
    if method:
        variables |= {"resourceId": method.resource_id, "resourcePath": method.resource_path}
        if method.operation:
            variables["operationName"] = method.operation
    return variables


def event(api: Api, method: Method, request: Request) -> dict[str, Any]:
    """What the function is invoked with."""
    wire = request.wire
    dropped = _DROPPED | ({"authorization"} if method.signed else set())
    forwarded = [value for name, value in wire.headers if name.lower() == "x-forwarded-for"]
    headers = _multiple(
        [
            *((name, value) for name, value in wire.headers if name.lower() not in dropped),
            ("X-Amzn-Trace-Id", f"Root={request.trace}"),
            ("X-Forwarded-For", ", ".join([*forwarded, request.address])),
            ("X-Forwarded-Port", (wire.header("host") or "").partition(":")[2] or "80"),
            ("X-Forwarded-Proto", "http"),
        ]
    )
    query = _multiple(request.query)
    encoded = bool(wire.body) and _is_binary(api, wire.header("content-type") or "application/json")
    body = base64.b64encode(wire.body).decode() if encoded else wire.body.decode(errors="replace")
    return {
        "resource": method.resource_path,
        "path": request.path,
        "httpMethod": wire.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": request.path_parameters or None,
        "stageVariables": api.variables or None,
        "requestContext": context(api, method, request),
        "body": body or None,
        "isBase64Encoded": encoded,
    }


def response(api: Api, answer: object, request: Request) -> Response:
    """What the client gets for what the function returned.

    Raises:
        MalformedAnswerError: it is not of the form that a proxy integration must return.
    """
    if not isinstance(answer, dict) or answer.keys() - _ANSWER_FIELDS:
        raise MalformedAnswerError("the answer is no object, or has fields that a proxy response has not")
    body = answer.get("body") or ""
    if not isinstance(body, str):
        raise MalformedAnswerError("body is no string")
    decode = answer.get("isBase64Encoded") and _is_binary(api, request.wire.header("accept") or "")
    try:
        content = base64.b64decode(body, validate=True) if decode else body.encode()
        result = Response(content, int(answer.get("statusCode") or 200), content_type="application/json")
    except (TypeError, ValueError) as error:
        raise MalformedAnswerError(f"statusCode or body: {error}") from error
    single = {name: [value] for name, value in (answer.get("headers") or {}).items()}
    for name, values in {**single, **(answer.get("multiValueHeaders") or {})}.items():
        if any(not isinstance(value, str | bool) for value in values):
            raise MalformedAnswerError(f"header {name} is no string")
        texts = [json.dumps(value) if isinstance(value, bool) else value for value in values]
        result.headers.setlist(f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name, texts)
    return result


def extended_id() -> str:
    """An id like those that API Gateway puts into ``x-amz-apigw-id``."""
    return base64.b64encode(secrets.token_bytes(11)).decode()


def _is_binary(api: Api, header: str) -> bool:
    """Whether the API takes the first media type of a Content-Type or Accept header for binary."""
    media, _ = parse_options_header(header.partition(",")[0])
    return any(binary in ("*/*", media) for binary in api.binary_media_types)


def _multiple(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
