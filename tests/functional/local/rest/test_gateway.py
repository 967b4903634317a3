"""The local gateway before a REST API in the embedded AWS, asked over HTTP."""

import json
from collections.abc import Iterator

import pytest
import requests

from local.aws import LOOPBACK
from tests.functional.local.rest.conftest import GOOD, MISSING, Deployed, ask, refusal, send_target, signed


class TestRouting:
    @pytest.mark.parametrize("path", ["/nothing", "", "/", "/echo/1", "/track/batch", "//echo"])
    def test_unknown_route(self, url: str, path: str) -> None:
        assert refusal(ask("GET", url + path)) == MISSING

    @pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "OPTIONS"])
    def test_unknown_method(self, url: str, method: str) -> None:
        response = ask(method, f"{url}/track")
        assert (response.status_code, response.headers["x-amzn-ErrorType"]) == MISSING[:2]

    def test_other_stage(self, url: str) -> None:
        response = ask("GET", f"{url}x/echo")
        assert refusal(response) == (403, "ForbiddenException", "Forbidden")

    def test_slash_at_the_end(self, url: str) -> None:
        event = ask("GET", f"{url}/echo/").json()
        assert (event["resource"], event["path"]) == ("/echo", "/echo/")

    @pytest.mark.parametrize("character", "|{}")
    def test_characters_that_a_query_must_encode(self, url: str, character: str) -> None:
        refused = send_target(signed("GET", f"{url}/echo"), f"/dev/echo?a=1{character}")
        assert refused == (400, {"message": "Bad Request"})
        encoded = f"a=%{ord(character):X}"
        assert ask("GET", f"{url}/echo?{encoded}").json()["queryStringParameters"] == {"a": character}


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
        ("query", "names"),
        [
            ("", "status, tracking_id"),
            ("?tracking_id=1", "status"),
            ("?tracking_id=&status=1", "tracking_id"),
            ("?tracking_id=%20&status=1", "tracking_id"),
            ("?limit=1&status=1", "tracking_id"),
        ],
    )
    def test_required_parameters(self, url: str, query: str, names: str) -> None:
        assert refusal(ask("GET", f"{url}/status{query}")) == (
            400,
            "BadRequestException",
            f"Missing required request parameters: [{names}]",
        )

    def test_all_required_parameters(self, url: str) -> None:
        assert ask("GET", f"{url}/status?tracking_id=1&status=2").status_code == 200

    def test_signature_comes_before_validation(self, url: str) -> None:
        assert refusal(requests.post(f"{url}/track", data=b"{", timeout=9)) == MISSING


@pytest.fixture(scope="module")
def custom(deployed: Deployed) -> Iterator[str]:
    """An API with gateway responses of its own."""
    api = deployed.api("custom")
    deployed.method(
        api, "/track", "POST", requestModels=deployed.model(api), requestValidatorId=deployed.validator(api)
    )
    deployed.method(api, "/broken", "GET")
    template = {
        "error": "$context.error.validationErrorString",
        "text": "$context.error.message",
        "type": "$context.error.responseType",
        "request_id": "$context.requestId",
        "ip": "$context.identity.sourceIp",
        "unknown": "$context.nothing.here",
        "price": "$5",
    }
    deployed.client.put_gateway_response(
        restApiId=api,
        responseType="BAD_REQUEST_BODY",
        statusCode="422",
        responseParameters={"gatewayresponse.header.X-Static": "'a b'"},
        responseTemplates={"application/json": json.dumps(template)},
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
        responseTemplates={"application/json": '"sorry"'},
    )
    deployed.stage(api)
    deployed.permit(api)
    with deployed.gateway("custom") as gateway:
        yield gateway.url


class TestGatewayResponses:
    def test_own_response_of_the_type(self, custom: str) -> None:
        response = ask("POST", f"{custom}/track", json={"tracking_id": "long", "status": 'a"b'})
        assert response.status_code == 422
        assert response.headers["x-amzn-ErrorType"] == "BadRequestException"
        assert response.headers["X-Static"] == "a b"
        assert response.json() == {
            "error": '[string "long" is too long (length: 4, maximum allowed: 3), '
            'instance value ("a\\"b") not found in enum (possible values: ["pending"])]',
            "text": "Invalid request body",
            "type": "BAD_REQUEST_BODY",
            "request_id": response.headers["x-amzn-RequestId"],
            "ip": LOOPBACK,
            "unknown": "",
            "price": "$5",
        }

    @pytest.mark.parametrize("path", ["/broken", "/nowhere"])
    def test_default_of_the_class_keeps_status_and_body(self, custom: str, path: str) -> None:
        response = requests.get(custom + path, timeout=9)
        assert response.headers["X-Default"] == "4"
        assert refusal(response) == MISSING

    def test_default_of_server_faults(self, custom: str) -> None:
        response = ask("GET", f"{custom}/broken?do=fail")
        assert (response.status_code, response.json()) == (503, "sorry")


class TestThrottling:
    def test_burst_then_rate(self, deployed: Deployed) -> None:
        api = deployed.api("throttled")
        for path in ("/slow", "/other"):
            deployed.method(api, path, "GET")
        deployed.stage(api)
        deployed.client.update_stage(
            restApiId=api,
            stageName="dev",
            patchOperations=[
                {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "3"},
                {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "0.01"},
            ],
        )
        deployed.permit(api)
        with deployed.gateway("throttled") as gateway:
            unsigned = [requests.get(f"{gateway.url}/slow", timeout=9).status_code for _ in range(5)]
            assert unsigned == [403] * 5
            answers = [ask("GET", f"{gateway.url}/slow") for _ in range(4)]
            assert [answer.status_code for answer in answers] == [200] * 3 + [429]
            assert refusal(answers[-1]) == (429, "TooManyRequestsException", "Too Many Requests")
            assert ask("GET", f"{gateway.url}/other").status_code == 200
