"""HTTP APIs in the embedded AWS, and how they are asked."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import requests

from local.aws import client
from local.function import Function
from local.http_api import HttpGateway
from tests.functional.local.runner import REGION, Runner

HANDLER = """
import base64, time

def handler(event, context):
    order = event.get("queryStringParameters", {}).get("do", "echo")
    if order == "fail":
        raise ValueError("no")
    if order == "sleep":
        time.sleep(60)
    if order == "answer":
        return {"statusCode": "201", "headers": {"x-one": "1", "access-control-allow-origin": "mine",
                "content-type": "text/html"}, "cookies": ["a=1", "b=2; Secure"], "body": "<p>"}
    if order == "bare":
        return {"statusCode": 200, "body": "text"}
    if order == "unchanged":
        return {"statusCode": 304, "headers": {"etag": '"1"'}}
    if order == "binary":
        return {"statusCode": 200, "body": base64.b64encode(bytes(range(256))).decode(), "isBase64Encoded": True}
    orders = {"text": "hello", "list": [1], "none": None, "status": {"statusCode": "many"},
              "body": {"statusCode": 200, "body": {"a": 1}}, "headers": {"statusCode": 200, "headers": [1]}}
    return orders[order] if order in orders else event
"""
CORS = {
    "AllowOrigins": ["https://shop.example"],
    "AllowMethods": ["GET", "PUT"],
    "AllowHeaders": ["x-a", "x-b"],
    "ExposeHeaders": ["etag"],
    "MaxAge": 60,
}
SHOP = {"Origin": "https://shop.example"}


class Deployed:
    """Builds HTTP APIs in the embedded AWS as Terraform would, by the control plane's calls."""

    def __init__(self, runner: Runner, function: Function) -> None:
        self.runner = runner
        self.endpoint = runner.endpoint
        self.function = function
        self.client = client("apigatewayv2", self.endpoint, REGION)

    def api(
        self,
        routes: Sequence[str] = ("$default",),
        *,
        stage: str = "$default",
        permitted: bool = True,
        throttling: dict[str, float] | None = None,
        route: dict[str, Any] | None = None,
        authorizers: Mapping[str, Any] | None = None,
        integration: dict[str, Any] | None = None,
        **settings: Any,
    ) -> str:
        """The name of a new API; `authorizers` are those of routes, by their keys."""
        name = f"api-{uuid.uuid4()}"
        id = self.client.create_api(Name=name, ProtocolType="HTTP", **settings)["ApiId"]
        wanted = {"IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "2.0", **(integration or {})}
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{self.function.arn}/invocations"
        target = self.client.create_integration(ApiId=id, IntegrationUri=uri, **wanted)["IntegrationId"]
        for key in routes:
            authorization = {}
            if authorizers and key in authorizers:
                made = self.client.create_authorizer(ApiId=id, Name="jwt", **authorizers[key])
                authorization = {"AuthorizationType": "JWT", "AuthorizerId": made["AuthorizerId"]}
            self.client.create_route(
                ApiId=id, RouteKey=key, Target=f"integrations/{target}", **authorization, **(route or {})
            )
        self.client.create_stage(
            ApiId=id, StageName=stage, AutoDeploy=True, DefaultRouteSettings=throttling or {}
        )
        if permitted:
            self.runner.permit(self.function.name, id)
        return name

    def gateway(self, name: str, log: list[str] | None = None) -> HttpGateway:
        """A server for the API."""
        return HttpGateway(
            name,
            endpoint=self.endpoint,
            region=REGION,
            functions={self.function.name: self.function},
            log=(log if log is not None else []).append,
        )


@pytest.fixture(scope="module")
def deployed(module_runner: Runner) -> Deployed:
    return Deployed(module_runner, module_runner(HANDLER, Timeout=1))


@pytest.fixture(scope="module")
def log() -> list[str]:
    return []


@pytest.fixture(scope="module")
def url(deployed: Deployed, log: list[str]) -> Iterator[str]:
    """An API with routes of every kind, and CORS for one site."""
    routes = ["GET /items/{id}", "GET /items/special", "DELETE /items/{id}", "GET /files/{name+}", "$default"]
    with deployed.gateway(deployed.api(routes, CorsConfiguration=CORS), log) as gateway:
        yield gateway.url


def ask(method: str, url: str, **options: Any) -> requests.Response:
    return requests.request(method, url, timeout=20, **options)


def event(url: str, method: str = "GET", **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = ask(method, url, **options).json()
    return found
