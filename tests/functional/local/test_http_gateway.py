"""The local HTTP API before one in the embedded AWS, asked over HTTP."""

import base64
import json
import re
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import requests

from local.aws import EmbeddedAws, client
from local.function import Function
from local.http_api import HttpGateway
from local.integration import UnsupportedApiError
from tests.conftest import REGION

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

    def __init__(self, endpoint: str, function: Function) -> None:
        self.endpoint = endpoint
        self.function = function
        self.client = client("apigatewayv2", endpoint, REGION)

    def api(
        self,
        routes: Sequence[str] = ("$default",),
        *,
        stage: str = "$default",
        permitted: bool = True,
        throttling: dict[str, float] | None = None,
        route: dict[str, Any] | None = None,
        integration: dict[str, Any] | None = None,
        **settings: Any,
    ) -> str:
        """The name of a new API."""
        name = f"api-{uuid.uuid4()}"
        id = self.client.create_api(Name=name, ProtocolType="HTTP", **settings)["ApiId"]
        wanted = {"IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "2.0", **(integration or {})}
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{self.function.arn}/invocations"
        target = self.client.create_integration(ApiId=id, IntegrationUri=uri, **wanted)["IntegrationId"]
        for key in routes:
            self.client.create_route(ApiId=id, RouteKey=key, Target=f"integrations/{target}", **(route or {}))
        self.client.create_stage(
            ApiId=id, StageName=stage, AutoDeploy=True, DefaultRouteSettings=throttling or {}
        )
        if permitted:
            client("lambda", self.endpoint, REGION).add_permission(
                FunctionName=self.function.name,
                StatementId=f"allow-{id}",
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
                SourceArn=f"arn:aws:execute-api:{REGION}:123456789012:{id}/*/*",
            )
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
def deployed(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    package = tmp_path_factory.mktemp("package") / "function.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", HANDLER)
    name = f"echo-{uuid.uuid4()}"
    client("iam", aws.endpoint, REGION).create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    client("lambda", aws.endpoint, REGION).create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=f"arn:aws:iam::123456789012:role/{name}",
        Handler="app.handler",
        Timeout=1,
        Code={"ZipFile": package.read_bytes()},
    )
    with Function(
        name, endpoint=aws.endpoint, region=REGION, package=package, log=lambda _: None
    ) as function:
        yield Deployed(aws.endpoint, function)


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


def test_the_event_of_payload_format_2(url: str) -> None:
    got = event(
        f"{url}/a%20b/%C3%A4?x=1&y=%2B&x=2+3&e=",
        "POST",
        headers={"Content-Type": "application/json", "X-Two": "1", "Cookie": "a=1; b=2", "User-Agent": "me"},
        data='{"a": 1}',
    )
    context = got.pop("requestContext")
    headers = got.pop("headers")
    assert got == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/a b/ä",
        "rawQueryString": "x=1&y=%2B&x=2+3&e=",
        "cookies": ["a=1", "b=2"],
        "queryStringParameters": {"x": "1,2 3", "y": "+", "e": ""},
        "body": '{"a": 1}',
        "isBase64Encoded": False,
    }
    assert "cookie" not in headers
    assert headers["x-two"] == "1"
    assert {"x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"} <= headers.keys()
    assert context.pop("http") == {
        "method": "POST",
        "path": "/a b/ä",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "me",
    }
    assert (context["stage"], context["routeKey"], context["accountId"]) == (
        "$default",
        "$default",
        "123456789012",
    )
    assert re.fullmatch(r"[0-9a-f-]{36}", context["requestId"])
    assert re.fullmatch(r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"])
    assert isinstance(context["timeEpoch"], int)


def test_what_is_not_there_is_left_out(url: str) -> None:
    assert not {"cookies", "queryStringParameters", "pathParameters", "body"} & event(url).keys()


@pytest.mark.parametrize(
    ("path", "route", "parameters"),
    [
        ("/items/1", "GET /items/{id}", {"id": "1"}),
        ("/items/special", "GET /items/special", None),
        ("/items/a%2Fb", "$default", None),
        ("/items/a%20b", "GET /items/{id}", {"id": "a b"}),
        ("/files/a/b%2Fc", "GET /files/{name+}", {"name": "a/b/c"}),
        ("/files/a%3Fb", "GET /files/{name+}", {"name": "a"}),
        ("/files/", "$default", None),
    ],
)
def test_the_route_that_says_most_takes_the_request(
    url: str, path: str, route: str, parameters: dict[str, str] | None
) -> None:
    got = event(url + path)
    assert (got["routeKey"], got.get("pathParameters")) == (route, parameters)


def test_another_method_goes_to_another_route(url: str) -> None:
    assert event(f"{url}/items/1", "DELETE")["routeKey"] == "DELETE /items/{id}"
    assert event(f"{url}/files/a", "PATCH")["routeKey"] == "$default"


@pytest.mark.parametrize(
    ("media", "encoded"),
    [
        ("application/json", False),
        ("application/problem+json", False),
        ("text/plain; charset=utf-8", False),
        ("application/x-www-form-urlencoded", True),
        ("image/png", True),
        (None, True),
    ],
)
def test_bodies_that_are_not_text_come_in_base64(url: str, media: str | None, encoded: bool) -> None:
    got = event(url, "PUT", data=b"\x00a", headers={"Content-Type": media} if media else {})
    assert got["isBase64Encoded"] is encoded
    assert (base64.b64decode(got["body"]) if encoded else got["body"].encode()) == b"\x00a"


def test_an_answer(url: str) -> None:
    answer = ask("GET", f"{url}/?do=answer")
    assert (answer.status_code, answer.text) == (201, "<p>")
    assert (answer.headers["content-type"], answer.headers["x-one"]) == ("text/html", "1")
    assert answer.raw.headers.getlist("set-cookie") == ["a=1", "b=2; Secure"]
    assert answer.headers["apigw-requestid"]
    assert ask("GET", f"{url}/?do=bare").headers["content-type"] == "text/plain;charset=UTF-8"
    assert ask("GET", f"{url}/?do=binary").content == bytes(range(256))
    unchanged = ask("GET", f"{url}/?do=unchanged")
    assert (unchanged.status_code, unchanged.headers["etag"], unchanged.text) == (304, '"1"', "")
    assert ask("HEAD", f"{url}/?do=bare").text == ""


@pytest.mark.parametrize(("order", "text"), [("text", "hello"), ("list", "[1]"), ("none", "null")])
def test_an_answer_without_a_status_is_the_body(url: str, order: str, text: str) -> None:
    answer = ask("GET", f"{url}/?do={order}")
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (
        200,
        text,
        "application/json",
    )


@pytest.mark.parametrize("order", ["fail", "status", "body", "headers"])
def test_an_answer_that_is_none(url: str, log: list[str], order: str) -> None:
    answer = ask("GET", f"{url}/?do={order}")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    assert re.fullmatch(r"GET / 500 \d+ ms( cold)?: .+", log[-1])


def test_a_function_that_times_out_has_failed(url: str) -> None:
    answer = ask("GET", f"{url}/?do=sleep")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_an_integration_that_waits_less(deployed: Deployed) -> None:
    with deployed.gateway(deployed.api(integration={"TimeoutInMillis": 50})) as gateway:
        answer = ask("GET", f"{gateway.url}/?do=sleep")
    assert (answer.status_code, answer.json()) == (503, {"message": "Service Unavailable"})


def test_a_body_that_is_too_large(url: str) -> None:
    for size in (6 * 2**20, 10 * 2**20 + 1):
        answer = ask("POST", url, data="x" * size, headers={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.json()) == (413, {"message": "Request Entity Too Large"})


def cors(answer: requests.Response) -> dict[str, str]:
    """The CORS headers, by what comes after "access-control-"."""
    names = [name for name in answer.headers if name.lower().startswith("access-control-")]
    return {name.lower().removeprefix("access-control-"): answer.headers[name] for name in names}


def test_a_preflight_is_answered_by_the_gateway(url: str) -> None:
    answer = ask("OPTIONS", f"{url}/?do=fail", headers={**SHOP, "Access-Control-Request-Method": "PUT"})
    assert (answer.status_code, answer.text) == (204, "")
    assert cors(answer) == {
        "allow-origin": "https://shop.example",
        "allow-methods": "GET,PUT",
        "allow-headers": "x-a,x-b",
        "max-age": "60",
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        SHOP,
        {"Access-Control-Request-Method": "PUT"},
        {"Origin": "https://other.example", "Access-Control-Request-Method": "PUT"},
        {"Origin": "https://shop.example.evil", "Access-Control-Request-Method": "PUT"},
    ],
)
def test_other_options_get_no_leave(url: str, headers: dict[str, str]) -> None:
    answer = ask("OPTIONS", url, headers=headers)
    assert (answer.status_code, cors(answer)) == (204, {})


def test_an_actual_answer_says_who_may_read_it_whatever_the_function_says(url: str) -> None:
    expected = {"allow-origin": "https://shop.example", "expose-headers": "etag"}
    assert cors(ask("GET", f"{url}/?do=answer", headers=SHOP)) == expected
    assert cors(ask("GET", f"{url}/?do=answer", headers={"Origin": "https://other.example"})) == {}
    assert cors(ask("GET", f"{url}/?do=answer")) == {}


def test_every_site_is_a_star(deployed: Deployed) -> None:
    everyone = {"AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"], "ExposeHeaders": ["*"]}
    with deployed.gateway(deployed.api(CorsConfiguration=everyone)) as gateway:
        assert cors(ask("GET", gateway.url, headers=SHOP)) == {"allow-origin": "*", "expose-headers": "*"}


def test_without_cors_the_function_is_asked_and_heard(deployed: Deployed) -> None:
    with deployed.gateway(deployed.api()) as gateway:
        answer = ask("OPTIONS", f"{gateway.url}/?do=answer", headers=SHOP)
        assert (answer.status_code, cors(answer)) == (201, {"allow-origin": "mine"})


def test_a_route_that_is_not_there(deployed: Deployed) -> None:
    with deployed.gateway(deployed.api(["GET /a"])) as gateway:
        answer = ask("GET", f"{gateway.url}/b")
        assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})
        assert ask("GET", f"{gateway.url}/a").status_code == 200


def test_burst_then_rate(deployed: Deployed) -> None:
    limits = {"ThrottlingBurstLimit": 3, "ThrottlingRateLimit": 0.01}
    with deployed.gateway(deployed.api(throttling=limits)) as gateway:
        answers = [ask("GET", gateway.url) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
    assert answers[-1].json() == {"message": "Too Many Requests"}


def test_missing_permission_to_invoke(deployed: Deployed) -> None:
    log: list[str] = []
    with deployed.gateway(deployed.api(permitted=False), log) as gateway:
        assert ask("GET", gateway.url).status_code == 500
    reason = f"API Gateway has no permission to invoke {deployed.function.name}"
    assert re.fullmatch(rf"GET / 500 \d+ ms: {reason}", log[0])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"route": {"AuthorizationType": "AWS_IAM"}}, r"\$default: its AuthorizationType is 'AWS_IAM'"),
        ({"integration": {"IntegrationType": "HTTP_PROXY"}}, "IntegrationType is 'HTTP_PROXY'"),
        ({"integration": {"PayloadFormatVersion": "1.0"}}, "PayloadFormatVersion is '1.0'"),
        ({"routes": ["ANY /x"]}, "ANY /x: its method ANY is True"),
        ({"CorsConfiguration": {"AllowCredentials": True}}, "CORS AllowCredentials is True"),
    ],
)
def test_what_is_not_supported_is_refused(
    deployed: Deployed, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UnsupportedApiError, match=sentence):
        deployed.gateway(deployed.api(**settings))


def test_unknown_api_stage_or_function(deployed: Deployed) -> None:
    with pytest.raises(LookupError, match="0 HTTP APIs named nothing"):
        deployed.gateway("nothing")
    with pytest.raises(LookupError, match=r"has no stage \$default"):
        deployed.gateway(deployed.api(stage="blue"))
    with pytest.raises(LookupError, match=r"\$default integrates echo"):
        HttpGateway(deployed.api(), endpoint=deployed.endpoint, region=REGION, functions={})


def test_the_events_are_json(url: str) -> None:
    assert json.loads(ask("GET", f"{url}/%ff%00?%ff=%00").text)["rawPath"] == "/\ufffd\x00"
