"""REST APIs in an embedded AWS of their own, and callers that sign."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.aws import CREDENTIALS, client
from local.function import Function
from local.gateway import Gateway
from tests.functional.local.runner import REGION, Runner

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
    if order == "encoded":
        return {"body": base64.b64encode(b"text").decode(), "isBase64Encoded": True}
    if order == "headers":
        return {"statusCode": "201", "body": "made",
                "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
                "headers": {"X-One": "1", "set-cookie": "c=3", "Set-Cookie": "b=2",
                            "Date": "never", "X-True": True, "Content-Type": "text/plain"}}
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

    def __init__(self, runner: Runner, function: Function) -> None:
        self.runner = runner
        self.endpoint = runner.endpoint
        self.function = function
        self.client = client("apigateway", self.endpoint, REGION)

    def api(self, name: str) -> str:
        api: str = self.client.create_rest_api(name=name)["id"]
        return api

    def small(self, name: str, path: str = "/x", verb: str = "GET", **settings: Any) -> str:
        """The id of a new API with one method and its stage."""
        api = self.api(name)
        self.method(api, path, verb, **settings)
        self.stage(api)
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

    def model(self, api: str) -> dict[str, str]:
        """The request models of a method whose bodies are to be MODEL."""
        self.client.create_model(
            restApiId=api, name="Update", contentType="application/json", schema=json.dumps(MODEL)
        )
        return {"application/json": "Update"}

    def validator(self, api: str, *, wanted: bool = True) -> str:
        """The id of a new validator, of bodies and parameters or of neither."""
        made = self.client.create_request_validator(
            restApiId=api, name=f"v-{wanted}", validateRequestBody=wanted, validateRequestParameters=wanted
        )
        return str(made["id"])

    def permit(self, api: str) -> None:
        self.runner.permit(self.function.name, api)

    def stage(self, api: str) -> None:
        deployment = self.client.create_deployment(restApiId=api)["id"]
        self.client.create_stage(restApiId=api, stageName="dev", deploymentId=deployment)

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


def signed(
    method: str,
    url: str,
    *,
    credentials: Credentials | None = None,
    at: datetime | None = None,
    headers: dict[str, str] | None = None,
    **content: Any,
) -> requests.PreparedRequest:
    """A request signed by botocore, with the headers and body that requests would send."""
    prepared = requests.Request(method, url, headers=headers, **content).prepare()
    unsigned = AWSRequest(method, prepared.url, data=prepared.body, headers=headers)
    signer = SigV4Auth(credentials or Credentials(*CREDENTIALS.values()), "execute-api", REGION)
    with patch("botocore.auth.get_current_datetime", return_value=at or datetime.now(UTC)):
        signer.add_auth(unsigned)
    prepared.headers.update(dict(unsigned.headers))
    return prepared


def send(request: requests.PreparedRequest) -> requests.Response:
    with requests.Session() as session:
        return session.send(request, timeout=30)


def ask(method: str, url: str, **options: Any) -> requests.Response:
    return send(signed(method, url, **options))


def send_target(request: requests.PreparedRequest, target: str) -> tuple[int, Any]:
    """The status and the JSON that come for a path and query as they stand, which requests would encode."""
    connection = HTTPConnection(urlsplit(str(request.url)).netloc, timeout=30)
    connection.request(str(request.method), target, headers=dict(request.headers))
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, content


@pytest.fixture(scope="module")
def deployed(module_runner: Runner) -> Deployed:
    configuration = {"Handler": "app.main.handler", "Architectures": ["arm64"], "Timeout": 1}
    return Deployed(module_runner, module_runner({"app/main.py": HANDLER}, **configuration))


@pytest.fixture(scope="module")
def log() -> list[str]:
    return []


@pytest.fixture(scope="module")
def url(deployed: Deployed, log: list[str]) -> Iterator[str]:
    """An API with everything that the gateway reads, behind default gateway responses."""
    api = deployed.api("tracking")
    body, both = deployed.model(api), deployed.validator(api)
    neither = deployed.validator(api, wanted=False)
    deployed.method(api, "/track", "POST", requestModels=body, requestValidatorId=both)
    deployed.method(api, "/unchecked", "POST", requestModels=body, requestValidatorId=neither)
    deployed.method(
        api,
        "/status",
        "GET",
        requestParameters={
            "method.request.querystring.tracking_id": True,
            "method.request.querystring.status": True,
            "method.request.querystring.limit": False,
        },
        requestValidatorId=both,
    )
    for verb in ("GET", "HEAD", "POST", "PUT"):
        deployed.method(api, "/echo", verb, operationName="Echo")
    deployed.method(api, "/hurry", "GET", milliseconds=200)
    deployed.stage(api)
    deployed.permit(api)
    with deployed.gateway("tracking", log) as gateway:
        yield gateway.url


def refusal(response: requests.Response) -> tuple[int, str, str]:
    """The status, AWS's name for the error, and the message."""
    assert response.headers["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f-]{36}", response.headers["x-amzn-RequestId"])
    assert response.headers["x-amz-apigw-id"]
    return response.status_code, response.headers["x-amzn-ErrorType"], response.json()["message"]


MISSING = (403, "MissingAuthenticationTokenException", "Missing Authentication Token")
