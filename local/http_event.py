"""Lambda proxy integration, payload format 2.0: a request becomes an event, an answer becomes a response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from werkzeug.http import parse_options_header
from werkzeug.wrappers import Response

from local.aws import CREDENTIALS
from local.integration import MalformedAnswerError
from local.server import HttpRequest

#: Bodies that come to the function as they are; others come in base64.
_TEXT = re.compile(r"text/.*|application/(json|xml|javascript)|.*\+(json|xml)")


def path(request: HttpRequest) -> str:
    """The path as an HTTP API sees it, although payload format 2.0 calls it raw.

    It is decoded, and what comes after a decoded question mark is lost.
    """
    return unquote(request.path).partition("?")[0]


def event(
    request: HttpRequest,
    *,
    api: str,
    account: str,
    route: str,
    parameters: Mapping[str, str],
    caller: Mapping[str, str] | None = None,
    jwt: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the function is invoked with.

    Args:
        api: the API's id.
        account: whose API it is.
        route: the route's key.
        parameters: the path's.
        caller: who has signed the request, as STS tells it, if the route wants that.
        jwt: what its authorizer tells of a JWT, if the route wants that.
    """
    headers = _joined((name.lower(), value) for name, value in request.headers)
    cookies = headers.pop("cookie", "")
    forwarded = headers.get("x-forwarded-for")
    media, _ = parse_options_header(headers.get("content-type"))
    encoded = bool(request.body) and not _TEXT.fullmatch(media.lower())
    content = request.body
    authorizer = {"iam": _identity(caller)} if caller else {"jwt": jwt} if jwt else None
    always = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path(request),
        "rawQueryString": request.query,
        "headers": {
            **headers,
            "x-amzn-trace-id": f"Root={request.trace}",
            "x-forwarded-for": f"{forwarded}, {request.address}" if forwarded else request.address,
            "x-forwarded-port": request.host.partition(":")[2] or "80",
            "x-forwarded-proto": "http",
        },
        "requestContext": {
            "accountId": account,
            "apiId": api,
            **({"authorizer": authorizer} if authorizer else {}),
            "domainName": request.host,
            "domainPrefix": request.host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path(request),
                "protocol": request.protocol,
                "sourceIp": request.address,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request.id,
            "routeKey": route,
            "stage": "$default",
            "time": f"{request.at:%d/%b/%Y:%H:%M:%S %z}",
            "timeEpoch": int(request.at.timestamp() * 1000),
        },
        "isBase64Encoded": encoded,
    }
    optional = {
        "cookies": cookies.split("; ") if cookies else None,
        "queryStringParameters": _joined(parse_qsl(request.query, keep_blank_values=True)),
        "pathParameters": parameters,
        "body": base64.b64encode(content).decode() if encoded else content.decode(errors="replace"),
    }
    return always | {name: value for name, value in optional.items() if value}


def _identity(caller: Mapping[str, str]) -> dict[str, str | None]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html"""
    return {
        "accessKey": CREDENTIALS["AWS_ACCESS_KEY_ID"],
        "accountId": caller["Account"],
        "callerId": caller["UserId"],
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller["Arn"],
        "userId": caller["UserId"],
    }


def response(answer: Any) -> Response:
    """What the client gets for what the function returned.

    Raises:
        MalformedAnswerError: it has a status, and is not of the form that goes with one.
    """
    if not isinstance(answer, dict) or "statusCode" not in answer:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return Response(text, content_type="application/json")
    body: Any = answer.get("body") or ""
    headers: Any = answer.get("headers") or {}
    try:
        content = base64.b64decode(body, validate=True) if answer.get("isBase64Encoded") else body.encode()
        result = Response(content, int(answer["statusCode"]), content_type="text/plain;charset=UTF-8")
        for name, value in headers.items():
            result.headers[name] = value
        for cookie in answer.get("cookies") or []:
            result.headers.add("Set-Cookie", cookie)
    except (AttributeError, TypeError, ValueError) as error:
        raise MalformedAnswerError(str(error)) from error
    return result


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The values by their names; those of one name are joined with commas."""
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name in values else value
    return values
