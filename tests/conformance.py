"""What AWS's own models say of the requests that were sent to the embedded AWS, which takes much that AWS refuses.

moto records the requests and takes them apart; botocore holds the models: which members an operation needs, and how
long, how great and of what form their values may be, or which they may be at all.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from botocore.validate import ParamValidator
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model

#: Services by the name that requests to them are signed with, where botocore calls them otherwise.
SERVICES = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}
#: Whose requests are not looked at. S3's rules stand in its documentation alone.
APART = {"s3"}


@contextmanager
def recorded(endpoint: str) -> Iterator[None]:
    """Has the embedded AWS write down each request that it gets meanwhile."""
    for_all = f"{endpoint}/moto-api/recorder"
    requests.post(f"{for_all}/start-recording", timeout=10).raise_for_status()
    yield
    requests.post(f"{for_all}/stop-recording", timeout=10).raise_for_status()


def violations(recording: Path) -> Iterator[str]:
    """Every request of a recording that AWS would refuse, and why."""
    for line in recording.read_text(encoding="utf-8").splitlines():
        yield from check(json.loads(line))


def check(entry: Mapping[str, Any]) -> Iterator[str]:
    """The same of one request as moto records it."""
    url, headers = urlsplit(entry["url"]), entry["headers"]
    authorization = headers.get("Authorization", "")
    if "Credential=" not in authorization:
        return
    signed = authorization.partition("Credential=")[2].split("/")[3]
    service = SERVICES.get(signed, signed)
    if service == "apigateway" and url.path.startswith("/v2/"):
        service = "apigatewayv2"
    if service in APART:
        return
    body = base64.b64decode(entry["body"]) if entry["body_encoded"] else entry["body"].encode()
    request = Request(
        {
            "REQUEST_METHOD": entry["method"],
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "wsgi.input": BytesIO(body),
            "wsgi.url_scheme": "http",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
        }
    )
    operation, labels = get_service_router(service).match(request)
    protocol = determine_request_protocol(get_service_model(service), request.content_type)
    parameters = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": body,
            "url_path": url.path,
            "url_params": labels,
        }
    )
    if operation.input_shape is None:
        return
    place = f"{service} {operation.name}"
    if report := ParamValidator().validate(parameters, operation.input_shape).generate_report():
        yield f"{place}: {report}"
    yield from (f"{place}{fault}" for fault in _faults(operation.input_shape, parameters))


def _faults(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """What botocore knows of a value and does not check itself: patterns, enums, and how much is too much."""
    match shape.type_name:
        case "structure" if isinstance(value, Mapping):
            for name, member in shape.members.items():
                if value.get(name) is not None:
                    yield from _faults(member, value[name], f"{path}.{name}")
        case "list":
            for number, item in enumerate(value):
                yield from _faults(shape.member, item, f"{path}[{number}]")
        case "map":
            for key, item in value.items():
                yield from _faults(shape.key, key, f"{path} key {key}")
                yield from _faults(shape.value, item, f"{path}[{key}]")
    if shape.type_name in _SIZES and value is not None:
        most = shape.metadata.get("max")
        if most is not None and _SIZES[shape.type_name](value) > most:
            yield f"{path}: {value!r} is over {most}"
    if shape.type_name == "string" and isinstance(value, str):
        allowed = shape.metadata.get("enum")
        if allowed and value not in allowed:
            yield f"{path}: {value!r} is none of {', '.join(allowed)}"
        # Of Java's expressions Python lacks the classes of Unicode.
        pattern = re.sub(
            r"\\p\{(\w)\}", lambda found: _CLASSES[found[1]], shape.metadata.get("pattern", ".*")
        )
        if not re.fullmatch(pattern, value, re.DOTALL):
            yield f"{path}: {value!r} does not match {pattern}"


_CLASSES = {"L": r"\w", "N": r"\d", "Z": r"\s"}
_SIZES: dict[str, Callable[[Any], float]] = {
    "string": len,
    "blob": len,
    "list": len,
    "map": len,
    "integer": float,
    "long": float,
    "float": float,
    "double": float,
}
