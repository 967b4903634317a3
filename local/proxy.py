"""Lambda proxy integration, payload format 1.0: a request becomes an event, an answer becomes a response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import json
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from local.aws import CREDENTIALS
from local.integration import MalformedAnswerError
from local.rest_api import Method, RestApi, path_parameters
from local.server import HttpRequest

_ANSWER_FIELDS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
#: Headers of a request that belong to the client's connection, and those that the gateway sets itself.
_DROPPED = {
    "authorization",
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


def query(request: HttpRequest) -> list[tuple[str, str]]:
    """The query's parameters, which a semicolon splits too;

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
    """
    return parse_qsl(request.query.replace(";", "&"), keep_blank_values=True)


def context(api: RestApi, method: Method | None, request: HttpRequest) -> dict[str, Any]:
    """The event's ``requestContext``, which is also the ``$context`` of templates."""
    caller = api.caller if method else {}
    variables = {
        "accountId": api.caller["Account"],
        "apiId": api.id,
        "deploymentId": api.deployment,
        "domainName": request.host,
        "domainPrefix": request.host.partition(".")[0],
        "extendedRequestId": extended_id(),
        "httpMethod": request.method,
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
            "userAgent": request.header("user-agent"),
            "userArn": caller.get("Arn"),
        },
        "path": request.path,
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


def event(api: RestApi, method: Method, request: HttpRequest) -> dict[str, Any]:
    """What the function is invoked with."""
    forwarded = [value for name, value in request.headers if name.lower() == "x-forwarded-for"]
    headers = _multiple(
        [
            *((name, value) for name, value in request.headers if name.lower() not in _DROPPED),
            ("X-Amzn-Trace-Id", f"Root={request.trace}"),
            ("X-Forwarded-For", ", ".join([*forwarded, request.address])),
            ("X-Forwarded-Port", request.host.partition(":")[2] or "80"),
            ("X-Forwarded-Proto", "http"),
        ]
    )
    parameters = _multiple(query(request))
    path = request.path.removeprefix(f"/{api.stage}")
    return {
        "resource": method.resource_path,
        # Still encoded, and the parameters too: seen in events of AWS that its users have published.
        "path": path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in parameters.items()} or None,
        "multiValueQueryStringParameters": parameters or None,
        "pathParameters": path_parameters(method, path.removesuffix("/")) or None,
        "stageVariables": None,
        "requestContext": context(api, method, request),
        "body": request.body.decode(errors="replace") or None,
        "isBase64Encoded": False,
    }


def response(answer: object) -> Response:
    """What the client gets for what the function returned, as text since the API names no binary media types.

    Raises:
        MalformedAnswerError: it is not of the form that a proxy integration must return.
    """
    if not isinstance(answer, dict) or answer.keys() - _ANSWER_FIELDS:
        raise MalformedAnswerError("the answer is no object, or has fields that a proxy response has not")
    body = answer.get("body") or ""
    if not isinstance(body, str):
        raise MalformedAnswerError("body is no string")
    headers = Headers()
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers.setlist(name, [_text(name, value) for value in values])
    # A name in both maps has the values of both.
    for name, value in (answer.get("headers") or {}).items():
        if (text := _text(name, value)) not in headers.getlist(name):
            headers.add(name, text)
    try:
        result = Response(body, int(answer.get("statusCode") or 200), content_type="application/json")
    except (TypeError, ValueError) as error:
        raise MalformedAnswerError(f"statusCode: {error}") from error
    for name in dict.fromkeys(headers.keys()):
        shown = f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name
        result.headers.setlist(shown, headers.getlist(name))
    return result


def _text(name: str, value: object) -> str:
    if not isinstance(value, str | bool):
        raise MalformedAnswerError(f"header {name} is no string")
    return json.dumps(value) if isinstance(value, bool) else value


def extended_id() -> str:
    """An id like those that API Gateway puts into ``x-amz-apigw-id``."""
    return base64.b64encode(secrets.token_bytes(11)).decode()


def _multiple(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
