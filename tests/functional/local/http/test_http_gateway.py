"""The local HTTP API before one in the embedded AWS, asked over HTTP."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from botocore.credentials import Credentials

from local.http_api import HttpGateway
from local.integration import UnsupportedApiError
from tests.functional.local.http.conftest import SHOP, Deployed, ask, event
from tests.functional.local.rest.conftest import send, signed
from tests.functional.local.runner import REGION


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


def test_a_signed_route_lets_in_who_signs_and_tells_the_function_who_it_is(deployed: Deployed) -> None:
    name = deployed.api(["POST /items/{id}"], route={"AuthorizationType": "AWS_IAM"})
    with deployed.gateway(name) as gateway:
        url = f"{gateway.url}/items/a%20b?x=1"
        asked = send(signed("POST", url, data=b"{}")).json()
        caller = asked["requestContext"]["authorizer"]["iam"]
        assert caller["userArn"].startswith("arn:aws:sts::")
        assert (caller["accessKey"], asked["pathParameters"]) == ("local", {"id": "a b"})
        changed = signed("POST", url, data=b"{}")
        changed.body = b"[]"
        for answer in (
            send(changed),
            ask("POST", url, data=b"{}"),
            ask("POST", url, headers={"Authorization": "Bearer x"}),
            send(signed("POST", url, credentials=Credentials("local", "wrong"))),
            send(signed("POST", url, at=datetime.now(UTC) - timedelta(minutes=6))),
        ):
            assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})


def test_missing_permission_to_invoke(deployed: Deployed) -> None:
    log: list[str] = []
    with deployed.gateway(deployed.api(permitted=False), log) as gateway:
        assert ask("GET", gateway.url).status_code == 500
    reason = f"API Gateway has no permission to invoke {deployed.function.name}"
    assert re.fullmatch(rf"GET / 500 \d+ ms: {reason}", log[0])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"route": {"AuthorizationType": "CUSTOM"}}, r"\$default: its AuthorizationType is 'CUSTOM'"),
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
    with pytest.raises(LookupError, match=r"\$default integrates function"):
        HttpGateway(deployed.api(), endpoint=deployed.endpoint, region=REGION, functions={})
