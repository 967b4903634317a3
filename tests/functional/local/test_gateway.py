"""The local API gateway before a REST API in the embedded AWS, asked over HTTP."""

import base64
import json
import re
import socket
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import boto3
import pytest
import requests
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.aws import CREDENTIALS, LOOPBACK, EmbeddedAws
from local.deployed import UnsupportedApiError
from local.function import Function
from local.gateway import Gateway
from local.server import PortTakenError, check_port

REGION = "eu-west-1"
HANDLER = """
import base64, time

def handler(event, context):
    order = (event["queryStringParameters"] or {}).get("do", "echo")
    if order == "fail":
        raise ValueError("no")
    if order == "sleep":
        time.sleep(60)
    if order == "malformed":
        return {"statusCode": 200, "message": "not a field of a proxy response"}
    if order == "big":
        return {"body": "x" * 6300000}
    if order == "none":
        return None
    if order == "object":
        return {"body": {"a": 1}}
    if order == "binary":
        return {"body": base64.b64encode(bytes(range(256))).decode(), "isBase64Encoded": True,
                "headers": {"Content-Type": "image/png"}}
    if order == "headers":
        return {"statusCode": "201", "body": "made", "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
                "headers": {"X-One": "1", "Date": "never", "X-True": True, "Content-Type": "text/plain"}}
    return {"statusCode": 200, "body": __import__("json").dumps(event)}
"""
MODEL = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["tracking_id", "status"],
    "properties": {"tracking_id": {"type": "string", "maxLength": 3}, "status": {"enum": ["pending"]}},
}
GOOD = {"tracking_id": "T1", "status": "pending"}


class Deployed:
    """Builds REST APIs in the embedded AWS as Terraform would, by the control plane's calls."""

    def __init__(self, endpoint: str, function: Function, package: Path) -> None:
        self.endpoint = endpoint
        self.package = package
        self.function = function
        self.client = client("apigateway", endpoint)

    def api(self, name: str) -> str:
        api: str = self.client.create_rest_api(name=name)["id"]
        return api

    def method(
        self,
        api: str,
        path: str,
        verb: str,
        *,
        auth: str = "AWS_IAM",
        milliseconds: int = 29000,
        **settings: Any,
    ) -> None:
        resources = {
            resource["path"]: resource["id"] for resource in self.client.get_resources(restApiId=api)["items"]
        }
        parent = "/"
        for part in filter(None, path.split("/")):
            child = f"{parent.rstrip('/')}/{part}"
            if child not in resources:
                made = self.client.create_resource(restApiId=api, parentId=resources[parent], pathPart=part)
                resources[child] = made["id"]
            parent = child
        where = {"restApiId": api, "resourceId": resources[path], "httpMethod": verb}
        self.client.put_method(**where, authorizationType=auth, **settings)
        self.client.put_integration(
            **where,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            timeoutInMillis=milliseconds,
            uri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{self.function.arn}/invocations",
        )

    def permit(self, api: str) -> None:
        client("lambda", self.endpoint).add_permission(
            FunctionName=self.function.name,
            StatementId=f"allow-{api}",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:123456789012:{api}/*/*",
        )

    def stage(self, api: str, **settings: Any) -> None:
        deployment = self.client.create_deployment(restApiId=api)["id"]
        self.client.create_stage(restApiId=api, stageName="dev", deploymentId=deployment, **settings)

    def gateway(self, name: str, log: list[str] | None = None, port: int = 0) -> Gateway:
        return Gateway(
            name,
            "dev",
            endpoint=self.endpoint,
            region=REGION,
            functions={self.function.name: self.function},
            port=port,
            log=(log if log is not None else []).append,
        )


def client(service: str, endpoint: str) -> Any:
    keys = {key.lower(): value for key, value in CREDENTIALS.items()}
    return boto3.client(service, endpoint_url=endpoint, region_name=REGION, **keys)


def signed(
    method: str,
    url: str,
    *,
    credentials: Credentials | None = None,
    region: str = REGION,
    service: str = "execute-api",
    at: datetime | None = None,
    headers: dict[str, str] | None = None,
    **content: Any,
) -> requests.PreparedRequest:
    """A request signed by botocore, with the headers and body that requests would send."""
    prepared = requests.Request(method, url, headers=headers, **content).prepare()
    unsigned = AWSRequest(method, prepared.url, data=prepared.body, headers=headers)
    signer = SigV4Auth(credentials or Credentials(*CREDENTIALS.values()), service, region)
    with patch("botocore.auth.get_current_datetime", return_value=at or datetime.now(UTC)):
        signer.add_auth(unsigned)
    prepared.headers.update(dict(unsigned.headers))
    return prepared


def send(request: requests.PreparedRequest) -> requests.Response:
    with requests.Session() as session:
        return session.send(request, timeout=30)


def ask(method: str, url: str, **options: Any) -> requests.Response:
    return send(signed(method, url, **options))


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    package = tmp_path_factory.mktemp("package") / "function.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app/main.py", HANDLER)
    function_log: list[str] = []
    with EmbeddedAws() as aws:
        client("iam", aws.endpoint).create_role(RoleName="role", AssumeRolePolicyDocument="{}")
        client("lambda", aws.endpoint).create_function(
            FunctionName="echo",
            Runtime="python3.13",
            Architectures=["arm64"],
            Role="arn:aws:iam::123456789012:role/role",
            Handler="app.main.handler",
            Timeout=1,
            Code={"ZipFile": package.read_bytes()},
        )
        with Function(
            "echo", endpoint=aws.endpoint, region=REGION, package=package, log=function_log.append
        ) as function:
            yield Deployed(aws.endpoint, function, package)


@pytest.fixture(scope="module")
def log() -> list[str]:
    return []


@pytest.fixture(scope="module")
def url(deployed: Deployed, log: list[str]) -> Iterator[str]:
    """An API with everything that the gateway reads, behind default gateway responses."""
    api = deployed.api("tracking")
    deployed.client.update_rest_api(
        restApiId=api, patchOperations=[{"op": "add", "path": "/binaryMediaTypes", "value": "image/png"}]
    )
    deployed.client.create_model(
        restApiId=api, name="Update", contentType="application/json", schema=json.dumps(MODEL)
    )
    both, neither = (
        deployed.client.create_request_validator(
            restApiId=api, name=name, validateRequestBody=wanted, validateRequestParameters=wanted
        )["id"]
        for name, wanted in (("both", True), ("neither", False))
    )
    body = {"application/json": "Update"}
    deployed.method(api, "/track", "POST", requestModels=body, requestValidatorId=both)
    deployed.method(api, "/unchecked", "POST", requestModels=body, requestValidatorId=neither)
    deployed.method(
        api,
        "/status",
        "GET",
        requestParameters={
            "method.request.querystring.tracking_id": True,
            "method.request.querystring.limit": False,
            "method.request.header.X-Api-Version": True,
        },
        requestValidatorId=both,
    )
    deployed.method(api, "/echo", "ANY", operationName="Echo")
    deployed.method(api, "/open", "GET", auth="NONE")
    deployed.method(api, "/hurry", "GET", auth="NONE", milliseconds=200)
    deployed.method(api, "/items/{id}", "GET", auth="NONE")
    deployed.method(api, "/items/special", "GET", auth="NONE")
    deployed.method(api, "/files/{proxy+}", "GET", auth="NONE")
    deployed.stage(api, variables={"colour": "red"})
    deployed.permit(api)
    with deployed.gateway("tracking", log) as gateway:
        yield gateway.url


@pytest.fixture(scope="module")
def custom(deployed: Deployed) -> Iterator[str]:
    """An API with gateway responses of its own."""
    api = deployed.api("custom")
    deployed.client.create_model(
        restApiId=api, name="Update", contentType="application/json", schema=json.dumps(MODEL)
    )
    validator = deployed.client.create_request_validator(
        restApiId=api, name="both", validateRequestBody=True, validateRequestParameters=True
    )["id"]
    deployed.method(
        api,
        "/track/{id}",
        "POST",
        auth="NONE",
        requestModels={"application/json": "Update"},
        requestValidatorId=validator,
    )
    deployed.method(api, "/signed", "GET")
    deployed.method(api, "/broken", "GET", auth="NONE")
    deployed.client.put_gateway_response(
        restApiId=api,
        responseType="BAD_REQUEST_BODY",
        statusCode="422",
        responseParameters={
            "gatewayresponse.header.X-Static": "'a b'",
            "gatewayresponse.header.X-Echo": "method.request.header.X-Asked",
            "gatewayresponse.header.X-Id": "method.request.path.id",
            "gatewayresponse.header.X-Stage": "context.stage",
            "gatewayresponse.header.X-Colour": "stageVariables.colour",
        },
        responseTemplates={
            "application/json": json.dumps(
                {
                    "error": "$context.error.validationErrorString",
                    "text": "$context.error.message",
                    "type": "$context.error.responseType",
                    "request_id": "$context.requestId",
                    "ip": "$context.identity.sourceIp",
                    "q": "$method.request.querystring.q",
                    "unknown": "$context.nothing.here",
                    "price": "$5",
                }
            ),
            "application/atom+xml": "wrong: $context.error.messageString",
        },
    )
    deployed.client.put_gateway_response(
        restApiId=api,
        responseType="DEFAULT_4XX",
        responseParameters={"gatewayresponse.header.X-Default": "'4'"},
    )
    deployed.client.put_gateway_response(
        restApiId=api,
        responseType="DEFAULT_5XX",
        statusCode="503",
        responseTemplates={"text/plain": "sorry"},
    )
    deployed.stage(api, variables={"colour": "red"})
    deployed.permit(api)
    with deployed.gateway("custom") as gateway:
        yield gateway.url


def refusal(response: requests.Response) -> tuple[int, str, str]:
    assert response.headers["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f-]{36}", response.headers["x-amzn-RequestId"])
    assert response.headers["x-amz-apigw-id"]
    return response.status_code, response.headers["x-amzn-ErrorType"], response.json()["message"]


MISSING = (403, "MissingAuthenticationTokenException", "Missing Authentication Token")


class TestAuthorization:
    def test_signed_request_is_answered(self, url: str) -> None:
        assert ask("GET", f"{url}/echo").status_code == 200

    @pytest.mark.parametrize(
        "query", ["a=1&b=2", "b=2&a=1", "a=1&a=0", "a", "a=", "q=a%20b%2Fc%3D", "q=%C3%A9", "q=~-_."]
    )
    def test_signature_covers_the_query(self, url: str, query: str) -> None:
        # botocore signs a query as it stands, AWS in its canonical form; these are canonical or unsorted.
        request = signed("GET", f"{url}/echo?{query}" if "=" in query else f"{url}/echo?{query}=")
        assert send(request).status_code == 200
        request.url = f"{request.url}1"
        assert send(request).status_code == 403

    def test_signature_covers_path_body_and_signed_headers(self, url: str) -> None:
        good = signed("POST", f"{url}/echo", data=b"one", headers={"X-Mine": "a"})
        assert send(good).status_code == 200
        for change in ({"url": f"{url}/echo/"}, {"body": b"two"}, {"method": "PUT"}):
            changed = good.copy()
            for name, value in change.items():
                setattr(changed, name, value)
            assert send(changed).headers["x-amzn-ErrorType"] == "InvalidSignatureException", change
        good.headers["X-Mine"] = "b"
        assert send(good).status_code == 403

    def test_declared_hash_of_another_body_is_refused(self, url: str) -> None:
        headers = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
        assert ask("POST", f"{url}/echo", data=b"x", headers=headers).status_code == 403

    def test_percent_encoded_path(self, url: str) -> None:
        assert ask("GET", f"{url}/files/a%20b").status_code == 200

    def test_unsigned(self, url: str) -> None:
        assert refusal(requests.get(f"{url}/echo", timeout=9)) == MISSING

    def test_wrong_secret(self, url: str) -> None:
        status, kind, message = refusal(
            ask("GET", f"{url}/echo", credentials=Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], "wrong"))
        )
        assert (status, kind) == (403, "InvalidSignatureException")
        assert message == (
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details."
        )

    @pytest.mark.parametrize(
        "credentials", [Credentials("unknown", "x"), Credentials(*CREDENTIALS.values(), "token")]
    )
    def test_unknown_key_or_token(self, url: str, credentials: Credentials) -> None:
        assert refusal(ask("GET", f"{url}/echo", credentials=credentials)) == (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"region": "us-east-1"}, "Credential should be scoped to a valid region, not 'us-east-1'."),
            ({"service": "lambda"}, "Credential should be scoped to correct service: 'execute-api'."),
        ],
    )
    def test_wrong_scope(self, url: str, wrong: dict[str, str], message: str) -> None:
        assert refusal(ask("GET", f"{url}/echo", **wrong)) == (403, "InvalidSignatureException", message)

    @pytest.mark.parametrize(
        ("minutes", "status", "message"),
        [
            (-4, 200, ""),
            (4, 200, ""),
            (-6, 403, "Signature expired: "),
            (6, 403, "Signature not yet current: "),
        ],
    )
    def test_clock_skew_of_five_minutes(self, url: str, minutes: int, status: int, message: str) -> None:
        response = ask("GET", f"{url}/echo", at=datetime.now(UTC) + timedelta(minutes=minutes))
        assert response.status_code == status
        if message:
            assert response.json()["message"].startswith(message)
            assert response.headers["x-amzn-ErrorType"] == "InvalidSignatureException"

    @pytest.mark.parametrize(
        ("authorization", "message"),
        [
            ("Bearer abc", "Invalid key=value pair"),
            ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e", "requires 'Signature' parameter."),
            ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Signature=f, SignedHeaders=host", "'X-Amz-Date'"),
        ],
    )
    def test_incomplete(self, url: str, authorization: str, message: str) -> None:
        response = requests.get(f"{url}/echo", headers={"Authorization": authorization}, timeout=9)
        assert refusal(response)[:2] == (403, "IncompleteSignatureException")
        assert message in response.json()["message"]

    @pytest.mark.parametrize(
        ("scope", "headers", "message"),
        [
            ("20260101/eu-west-1/execute-api/aws4_request", "x-amz-date", "'Host' or ':authority' must be"),
            ("20260102/eu-west-1/execute-api/aws4_request", "host", "Date in Credential scope does not"),
            ("20260101/eu-west-1/execute-api/aws4", "host", "Credential should be scoped with terminator"),
        ],
    )
    def test_wrong_claim(self, url: str, scope: str, headers: str, message: str) -> None:
        key = CREDENTIALS["AWS_ACCESS_KEY_ID"]
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={headers}, Signature={'0' * 64}"
        )
        response = requests.get(
            f"{url}/echo",
            headers={"Authorization": authorization, "X-Amz-Date": "20260101T000000Z"},
            timeout=9,
        )
        assert refusal(response)[:2] == (403, "InvalidSignatureException")
        assert response.json()["message"].startswith(message)

    def test_date_header_instead_of_amazons_own(self, url: str) -> None:
        request = signed("GET", f"{url}/echo", headers={"Date": "to be replaced"})
        assert "X-Amz-Date" not in request.headers
        assert send(request).status_code == 200

    def presigned(self, url: str, *, seconds: int = 60, age: timedelta = timedelta(0)) -> str:
        request = AWSRequest("GET", url)
        signer = SigV4QueryAuth(Credentials(*CREDENTIALS.values()), "execute-api", REGION, expires=seconds)
        with patch("botocore.auth.get_current_datetime", return_value=datetime.now(UTC) - age):
            signer.add_auth(request)
        signed_url: str = request.url
        return signed_url

    def test_presigned_url(self, url: str) -> None:
        response = requests.get(self.presigned(f"{url}/echo?a=1%202"), timeout=9)
        assert response.status_code == 200
        assert response.json()["queryStringParameters"]["a"] == "1 2"

    def test_presigned_url_changed(self, url: str) -> None:
        response = requests.get(self.presigned(f"{url}/echo?a=1").replace("a=1", "a=2"), timeout=9)
        assert refusal(response)[:2] == (403, "InvalidSignatureException")

    def test_presigned_url_lives_as_long_as_it_says(self, url: str) -> None:
        age = timedelta(minutes=10)
        assert requests.get(self.presigned(f"{url}/echo", seconds=700, age=age), timeout=9).status_code == 200
        late = requests.get(self.presigned(f"{url}/echo", seconds=500, age=age), timeout=9)
        assert refusal(late)[1] == "InvalidSignatureException"
        assert late.json()["message"].startswith("Signature expired: ")

    def test_presigned_url_for_more_than_a_week(self, url: str) -> None:
        response = requests.get(self.presigned(f"{url}/echo", seconds=604801), timeout=9)
        assert refusal(response)[1] == "IncompleteSignatureException"

    def test_open_method_needs_no_signature(self, url: str) -> None:
        event = requests.get(f"{url}/open", timeout=9).json()
        identity = event["requestContext"]["identity"]
        assert (identity["accessKey"], identity["userArn"]) == (None, None)


class TestRouting:
    @pytest.mark.parametrize("path", ["/nothing", "", "/", "/items", "/files/", "/items/1/2", "/items//1"])
    def test_unknown_route(self, url: str, path: str) -> None:
        assert refusal(ask("GET", url + path)) == MISSING

    @pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "OPTIONS"])
    def test_unknown_method(self, url: str, method: str) -> None:
        response = ask(method, f"{url}/track")
        assert (response.status_code, response.headers["x-amzn-ErrorType"]) == MISSING[:2]

    def test_other_stage(self, url: str) -> None:
        response = requests.get(f"{url}x/open", timeout=9)
        assert refusal(response) == (403, "ForbiddenException", "Forbidden")

    @pytest.mark.parametrize(
        ("path", "resource", "parameters"),
        [
            ("/items/7", "/items/{id}", {"id": "7"}),
            ("/items/a%20b%2Fc", "/items/{id}", {"id": "a b/c"}),
            ("/items/special", "/items/special", None),
            ("/files/a/b.txt", "/files/{proxy+}", {"proxy": "a/b.txt"}),
            ("/open/", "/open", None),
        ],
    )
    def test_resource_and_path_parameters(
        self, url: str, path: str, resource: str, parameters: dict[str, str] | None
    ) -> None:
        event = requests.get(url + path, timeout=9).json()
        assert (event["resource"], event["pathParameters"]) == (resource, parameters)
        assert event["path"] == path


class TestValidation:
    def test_valid_body(self, url: str) -> None:
        assert ask("POST", f"{url}/track", json=GOOD).status_code == 200

    @pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'{"tracking_id": "T1"}', b'{"a": NaN}'])
    @pytest.mark.parametrize("media", [None, "application/json", "Application/JSON; charset=utf-8"])
    def test_invalid_body(self, url: str, body: bytes, media: str | None) -> None:
        headers = {"Content-Type": media} if media else {}
        response = ask("POST", f"{url}/track", data=body, headers=headers)
        assert refusal(response) == (400, "BadRequestException", "Invalid request body")

    def test_content_type_without_a_model_is_not_validated(self, url: str) -> None:
        response = ask("POST", f"{url}/track", data=b"{", headers={"Content-Type": "text/plain"})
        assert (response.status_code, response.json()["body"]) == (200, "{")

    def test_validator_that_validates_nothing(self, url: str) -> None:
        assert ask("POST", f"{url}/unchecked", data=b"{").status_code == 200

    @pytest.mark.parametrize(
        ("query", "headers", "names"),
        [
            ("", {}, "X-Api-Version, tracking_id"),
            ("?tracking_id=1", {}, "X-Api-Version"),
            ("?tracking_id=", {"x-api-version": "1"}, "tracking_id"),
            ("?tracking_id=%20", {"x-api-version": "1"}, "tracking_id"),
            ("?limit=1", {"X-API-Version": "1"}, "tracking_id"),
        ],
    )
    def test_required_parameters(self, url: str, query: str, headers: dict[str, str], names: str) -> None:
        assert refusal(ask("GET", f"{url}/status{query}", headers=headers)) == (
            400,
            "BadRequestException",
            f"Missing required request parameters: [{names}]",
        )

    def test_all_required_parameters(self, url: str) -> None:
        response = ask("GET", f"{url}/status?tracking_id=1", headers={"X-Api-Version": "1"})
        assert response.status_code == 200

    def test_signature_comes_before_validation(self, url: str) -> None:
        assert refusal(requests.post(f"{url}/track", data=b"{", timeout=9)) == MISSING


class TestEvent:
    def test_complete_event(self, url: str) -> None:
        before = datetime.now(UTC)
        host = urlsplit(url).netloc
        event = ask(
            "POST",
            f"{url}/echo?a=1&a=2&b=x%20y&c=",
            data="\u00e9".encode(),
            headers={"X-Mixed-Case": "1", "User-Agent": "tests", "X-Forwarded-For": "1.2.3.4"},
        ).json()
        context = event.pop("requestContext")
        headers = event.pop("headers")
        assert event.pop("multiValueHeaders") == {name: [value] for name, value in headers.items()}
        assert event == {
            "resource": "/echo",
            "path": "/echo",
            "httpMethod": "POST",
            "queryStringParameters": {"a": "2", "b": "x y", "c": ""},
            "multiValueQueryStringParameters": {"a": ["1", "2"], "b": ["x y"], "c": [""]},
            "pathParameters": None,
            "stageVariables": {"colour": "red"},
            "body": "\u00e9",
            "isBase64Encoded": False,
        }
        assert headers["X-Mixed-Case"] == "1"
        assert headers["Host"] == host
        assert headers["X-Forwarded-For"] == f"1.2.3.4, {LOOPBACK}"
        assert headers["X-Forwarded-Proto"] == "http"
        assert headers["X-Forwarded-Port"] == host.split(":")[1]
        assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["X-Amzn-Trace-Id"])
        assert not {"authorization", "content-length", "connection"} & {name.lower() for name in headers}
        at = datetime.strptime(context.pop("requestTime"), "%d/%b/%Y:%H:%M:%S %z")
        assert before - timedelta(seconds=1) <= at <= datetime.now(UTC)
        assert abs(context.pop("requestTimeEpoch") / 1000 - before.timestamp()) < 9
        for random in ("requestId", "extendedRequestId", "apiId", "deploymentId", "resourceId"):
            assert context.pop(random)
        identity = context.pop("identity")
        assert {name: value for name, value in identity.items() if value is not None} == {
            "accessKey": CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "accountId": "123456789012",
            "caller": identity["user"],
            "user": identity["caller"],
            "userArn": "arn:aws:sts::123456789012:user/moto",
            "sourceIp": LOOPBACK,
            "userAgent": "tests",
        }
        assert context == {
            "accountId": "123456789012",
            "domainName": host,
            "domainPrefix": "127",
            "httpMethod": "POST",
            "operationName": "Echo",
            "path": "/dev/echo",
            "protocol": "HTTP/1.1",
            "resourcePath": "/echo",
            "stage": "dev",
        }

    def test_what_is_not_there_is_null(self, url: str) -> None:
        event = requests.get(f"{url}/open", timeout=9).json()
        for name in ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "body"):
            assert event[name] is None, name

    def test_request_id_is_that_of_the_response(self, url: str) -> None:
        response = requests.get(f"{url}/open", timeout=9)
        assert response.json()["requestContext"]["requestId"] == response.headers["x-amzn-RequestId"]
        assert response.json()["headers"]["X-Amzn-Trace-Id"] == response.headers["X-Amzn-Trace-Id"]

    def test_plus_in_a_query_is_a_space(self, url: str) -> None:
        event = requests.get(f"{url}/open?a=b+c", timeout=9).json()
        assert event["queryStringParameters"] == {"a": "b c"}

    def test_repeated_header(self, url: str) -> None:
        host, port = urlsplit(url).netloc.split(":")
        with socket.create_connection((host, int(port)), 9) as connection:
            connection.sendall(
                b"GET /dev/open HTTP/1.1\r\nHost: x\r\nX-Two: a\r\nX-Two: b\r\nConnection: close\r\n\r\n"
            )
            event = json.loads(b"".join(iter(lambda: connection.recv(9999), b"")).split(b"\r\n\r\n", 1)[1])
        assert event["headers"]["X-Two"] == "b"
        assert event["multiValueHeaders"]["X-Two"] == ["a", "b"]

    def test_only_binary_media_types_are_encoded(self, url: str) -> None:
        content = bytes(range(256))
        for media, encoded in (("image/png", True), ("image/png; q=1", True), ("image/gif", False)):
            event = ask("POST", f"{url}/echo", data=content, headers={"Content-Type": media}).json()
            assert event["isBase64Encoded"] == encoded
            if encoded:
                assert base64.b64decode(event["body"]) == content
            else:
                assert event["body"] == content.decode(errors="replace")

    def test_chunked_body(self, url: str) -> None:
        request = signed("POST", f"{url}/echo", data=b"onetwo")
        del request.headers["Content-Length"]
        request.headers["Transfer-Encoding"] = "chunked"
        request.body = iter([b"one", b"two"])  # type: ignore[assignment]
        response = send(request)
        assert response.json()["body"] == "onetwo"


class TestAnswer:
    def test_status_and_headers(self, url: str) -> None:
        response = ask("GET", f"{url}/echo?do=headers")
        assert (response.status_code, response.text) == (201, "made")
        assert response.headers["X-One"] == "1"
        assert response.headers["X-True"] == "true"
        assert response.headers["Content-Type"] == "text/plain"
        assert response.headers["x-amzn-Remapped-Date"] == "never"
        assert response.headers["Date"] != "never"
        assert response.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"]

    def test_default_content_type(self, url: str) -> None:
        assert ask("GET", f"{url}/echo").headers["Content-Type"] == "application/json"

    @pytest.mark.parametrize("accept", ["image/png", "image/png, */*"])
    def test_binary_answer(self, url: str, accept: str) -> None:
        response = ask("GET", f"{url}/echo?do=binary", headers={"Accept": accept})
        assert response.content == bytes(range(256))

    def test_binary_answer_that_was_not_asked_for_stays_encoded(self, url: str) -> None:
        response = ask("GET", f"{url}/echo?do=binary", headers={"Accept": "*/*"})
        assert base64.b64decode(response.content) == bytes(range(256))

    def test_head_has_no_body(self, url: str) -> None:
        response = ask("HEAD", f"{url}/echo")
        assert (response.status_code, response.content) == (200, b"")

    @pytest.mark.parametrize("order", ["malformed", "none", "object", "fail"])
    def test_malformed_or_failed(self, url: str, log: list[str], order: str) -> None:
        log.clear()
        response = ask("GET", f"{url}/echo?do={order}")
        assert refusal(response) == (502, "InternalServerErrorException", "Internal server error")
        assert log[0].startswith("GET /echo 502: ")

    def test_timeout_of_the_function(self, url: str) -> None:
        response = ask("GET", f"{url}/echo?do=sleep")
        assert refusal(response) == (504, "InternalServerErrorException", "Endpoint request timed out")
        assert ask("GET", f"{url}/echo").status_code == 200

    def test_timeout_of_the_integration(self, url: str) -> None:
        response = requests.get(f"{url}/hurry?do=sleep", timeout=9)
        assert refusal(response) == (504, "InternalServerErrorException", "Endpoint request timed out")
        assert response.elapsed < timedelta(seconds=0.9)

    def test_throttled_function(self, deployed: Deployed) -> None:
        api = deployed.api("reserved")
        deployed.method(api, "/x", "GET", auth="NONE", milliseconds=300)
        deployed.stage(api)
        deployed.permit(api)
        concurrency = {"FunctionName": "echo", "ReservedConcurrentExecutions": 1}
        client("lambda", deployed.endpoint).put_function_concurrency(**concurrency)
        with (
            Function(
                "echo", endpoint=deployed.endpoint, region=REGION, package=deployed.package, log=print
            ) as function,
            Deployed(deployed.endpoint, function, deployed.package).gateway("reserved") as gateway,
        ):
            assert requests.get(f"{gateway.url}/x?do=sleep", timeout=9).status_code == 504
            response = requests.get(f"{gateway.url}/x", timeout=9)
            assert refusal(response) == (500, "InternalServerErrorException", "Internal server error")
        client("lambda", deployed.endpoint).delete_function_concurrency(FunctionName="echo")

    def test_many_at_once(self, url: str) -> None:
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(ask("GET", f"{url}/echo").status_code))
            for _ in range(24)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 24


class TestLimits:
    @pytest.mark.parametrize("excess", [1, 20 * 1024 * 1024])
    def test_body_of_more_than_ten_megabytes(self, url: str, excess: int) -> None:
        response = ask("POST", f"{url}/echo", data=b"x" * (10 * 1024 * 1024 + excess))
        assert refusal(response)[:2] == (413, "RequestEntityTooLargeException")
        assert response.json()["message"] == "HTTP content length exceeded 10485760 bytes."

    def test_event_too_large_for_the_function(self, url: str) -> None:
        response = ask("POST", f"{url}/echo", data=b"x" * (7 * 1024 * 1024))
        assert refusal(response)[::2] == (413, "Request Too Long")

    def test_answer_too_large_for_the_function(self, url: str) -> None:
        response = ask("GET", f"{url}/echo?do=big")
        assert refusal(response)[::2] == (502, "Internal server error")


class TestGatewayResponses:
    def test_own_response_of_the_type(self, custom: str) -> None:
        body = {"tracking_id": "long", "status": 'a"b'}
        response = requests.post(f"{custom}/track/7?q=1", json=body, headers={"X-Asked": "yes"}, timeout=9)
        assert response.status_code == 422
        assert response.headers["x-amzn-ErrorType"] == "BadRequestException"
        assert {
            name: response.headers[f"X-{name}"] for name in ("Static", "Echo", "Id", "Stage", "Colour")
        } == {
            "Static": "a b",
            "Echo": "yes",
            "Id": "7",
            "Stage": "dev",
            "Colour": "red",
        }
        assert response.json() == {
            "error": '[string "long" is too long (length: 4, maximum allowed: 3), '
            'instance value ("a\\"b") not found in enum (possible values: ["pending"])]',
            "text": "Invalid request body",
            "type": "BAD_REQUEST_BODY",
            "request_id": response.headers["x-amzn-RequestId"],
            "ip": LOOPBACK,
            "q": "1",
            "unknown": "",
            "price": "$5",
        }

    def test_template_by_accepted_media_type(self, custom: str) -> None:
        response = requests.post(f"{custom}/track/7", headers={"Accept": "application/atom+xml"}, timeout=9)
        assert response.text == 'wrong: "Invalid request body"'
        assert response.headers["Content-Type"].startswith("application/atom+xml")

    def test_json_where_the_accepted_media_type_has_no_template(self, custom: str) -> None:
        response = requests.post(f"{custom}/track/7", headers={"Accept": "image/png"}, timeout=9)
        assert response.headers["Content-Type"] == "application/json"

    @pytest.mark.parametrize("path", ["/signed", "/nowhere"])
    def test_default_of_the_class_keeps_status_and_body(self, custom: str, path: str) -> None:
        response = requests.get(custom + path, timeout=9)
        assert response.headers["X-Default"] == "4"
        assert refusal(response) == MISSING

    def test_default_of_server_faults(self, custom: str) -> None:
        response = requests.get(f"{custom}/broken?do=fail", timeout=9)
        assert (response.status_code, response.text) == (503, "sorry")


class TestThrottling:
    def test_burst_then_rate(self, deployed: Deployed) -> None:
        api = deployed.api("throttled")
        deployed.method(api, "/slow", "GET", auth="NONE")
        deployed.method(api, "/other", "GET", auth="NONE")
        deployed.method(api, "/signed", "GET")
        deployed.stage(api)
        deployed.client.update_stage(
            restApiId=api,
            stageName="dev",
            patchOperations=[
                {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "3"},
                {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "0.01"},
                {"op": "replace", "path": "/~1other/GET/throttling/burstLimit", "value": "5"},
                {"op": "replace", "path": "/~1other/GET/throttling/rateLimit", "value": "0.01"},
            ],
        )
        deployed.permit(api)
        with deployed.gateway("throttled") as gateway:
            for path, burst in (("slow", 3), ("other", 5)):
                answers = [requests.get(f"{gateway.url}/{path}", timeout=9) for _ in range(burst + 1)]
                assert [answer.status_code for answer in answers] == [200] * burst + [429]
                assert refusal(answers[-1]) == (429, "TooManyRequestsException", "Too Many Requests")
            unsigned = [requests.get(f"{gateway.url}/signed", timeout=9).status_code for _ in range(5)]
            assert unsigned == [403] * 5
            assert ask("GET", f"{gateway.url}/signed").status_code == 200


class TestReading:
    def test_missing_permission_to_invoke(self, deployed: Deployed) -> None:
        api = deployed.api("forbidden")
        deployed.method(api, "/x", "GET", auth="NONE")
        deployed.stage(api)
        log: list[str] = []
        with deployed.gateway("forbidden", log) as gateway:
            response = requests.get(f"{gateway.url}/x", timeout=9)
        assert refusal(response) == (500, "InternalServerErrorException", "Internal server error")
        assert log == ["GET /x 500: API Gateway has no permission to invoke echo"]

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            ({"auth": "CUSTOM"}, "does not know authorization CUSTOM of GET /x"),
            ({"apiKeyRequired": True}, "does not know API key True of GET /x"),
        ],
    )
    def test_unsupported(self, deployed: Deployed, settings: dict[str, Any], sentence: str) -> None:
        name = f"unsupported-{next(iter(settings))}"
        api = deployed.api(name)
        deployed.method(api, "/x", "GET", **settings)
        deployed.stage(api)
        with pytest.raises(UnsupportedApiError, match=sentence):
            deployed.gateway(name)

    def test_unknown_api_stage_or_function(self, deployed: Deployed) -> None:
        with pytest.raises(LookupError, match="0 REST APIs named nothing"):
            deployed.gateway("nothing")
        deployed.method(deployed.api("stageless"), "/x", "GET")
        with pytest.raises(LookupError, match="stageless has no stage dev"):
            deployed.gateway("stageless")
        api = deployed.api("functionless")
        deployed.method(api, "/x", "GET")
        deployed.stage(api)
        with pytest.raises(LookupError, match="GET /x integrates echo"):
            Gateway("functionless", "dev", endpoint=deployed.endpoint, region=REGION, functions={})


class TestPort:
    def test_taken_port(self, deployed: Deployed, url: str) -> None:
        port = int(urlsplit(url).port or 0)
        for attempt in (lambda: check_port(port), lambda: deployed.gateway("tracking", port=port)):
            with pytest.raises(PortTakenError, match=f"Port {port} "):
                attempt()

    def test_port_is_free_after_the_gateway(self, deployed: Deployed, url: str) -> None:
        with deployed.gateway("tracking") as gateway:
            port = int(urlsplit(gateway.url).port or 0)
            assert requests.get(f"{gateway.url}/open", timeout=9).status_code == 200
        check_port(port)
        with deployed.gateway("tracking", port=port) as again:
            assert again.url == gateway.url
