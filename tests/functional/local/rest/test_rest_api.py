"""How the local gateway reads a deployed REST API, and which it refuses."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.gateway import Gateway
from local.integration import UnsupportedApiError
from local.server import PortTakenError, check_port
from tests.functional.local.rest.conftest import Deployed, ask, refusal
from tests.functional.local.runner import REGION


class TestReading:
    def test_missing_permission_to_invoke(self, deployed: Deployed) -> None:
        deployed.small("forbidden")
        log: list[str] = []
        with deployed.gateway("forbidden", log) as gateway:
            response = ask("GET", f"{gateway.url}/x")
        assert refusal(response) == (500, "InternalServerErrorException", "Internal server error")
        assert re.fullmatch(r"GET /dev/x 500 \d+ ms: API Gateway has no permission to invoke \S+", log[0])

    @pytest.mark.parametrize(
        ("path", "verb", "settings", "sentence"),
        [
            (
                "/x",
                "GET",
                {"auth": "CUSTOM"},
                "GET /x: its authorizationType is 'CUSTOM', and only 'AWS_IAM'",
            ),
            ("/x", "GET", {"auth": "NONE"}, "GET /x: its authorizationType is 'NONE'"),
            ("/x", "GET", {"apiKeyRequired": True}, "GET /x: its apiKeyRequired is True"),
            ("/x", "ANY", {}, "ANY /x: its method ANY is True"),
            ("/{id+}", "GET", {}, r"GET /{id\+}: its greedy path parameters is"),
            (
                "/x",
                "GET",
                {"requestParameters": {"method.request.header.a": True}},
                "header parameters",
            ),
            ("/x", "GET", {"requestModels": {"text/plain": "Empty"}}, "its body models is"),
        ],
    )
    def test_unsupported_method(
        self, deployed: Deployed, path: str, verb: str, settings: dict[str, Any], sentence: str
    ) -> None:
        name = f"unsupported-{path}-{verb}-{settings}"
        deployed.small(name, path, verb, **settings)
        with pytest.raises(UnsupportedApiError, match=sentence):
            deployed.gateway(name)

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            ({"responseTemplates": {"text/plain": "no"}}, "its templates is"),
            (
                {"responseTemplates": {"application/json": "$method.request.header.a"}},
                "names .method.request",
            ),
            ({"responseTemplates": {"application/json": "$stageVariables.a"}}, "names .stageVariables.a"),
            (
                {"responseParameters": {"gatewayresponse.header.A": "context.stage"}},
                "header.A is not a constant",
            ),
        ],
    )
    def test_unsupported_gateway_response(
        self, deployed: Deployed, settings: dict[str, Any], sentence: str
    ) -> None:
        name = f"unsupported-{settings}"
        api = deployed.small(name)
        deployed.client.put_gateway_response(restApiId=api, responseType="DEFAULT_4XX", **settings)
        with pytest.raises(UnsupportedApiError, match=f"gateway response DEFAULT_4XX: .*{sentence}"):
            deployed.gateway(name)

    @pytest.mark.parametrize(
        ("update", "where", "op", "path", "sentence"),
        [
            (
                "update_stage",
                {"stageName": "dev"},
                "replace",
                "/variables/colour",
                "stage dev: its variables",
            ),
            (
                "update_stage",
                {"stageName": "dev"},
                "replace",
                "/~1x/GET/throttling/burstLimit",
                "stage dev: its methodSettings",
            ),
            ("update_rest_api", {}, "add", "/binaryMediaTypes", "its binaryMediaTypes"),
        ],
    )
    def test_unsupported_stage_or_api(
        self, deployed: Deployed, update: str, where: dict[str, str], op: str, path: str, sentence: str
    ) -> None:
        api = deployed.small(path)
        change = [{"op": op, "path": path, "value": "3"}]
        getattr(deployed.client, update)(restApiId=api, patchOperations=change, **where)
        with pytest.raises(UnsupportedApiError, match=f"{sentence} is"):
            deployed.gateway(path)

    def test_a_deployment_is_served_once_it_is_read_again(self, deployed: Deployed) -> None:
        api = deployed.small("growing")
        deployed.permit(api)
        with deployed.gateway("growing") as gateway:
            deployed.method(api, "/y", "GET")
            assert ask("GET", f"{gateway.url}/y").status_code == 403
            gateway.read()
            assert ask("GET", f"{gateway.url}/y").status_code == 200

    def test_unknown_api_stage_or_function(self, deployed: Deployed) -> None:
        with pytest.raises(LookupError, match="0 REST APIs named nothing"):
            deployed.gateway("nothing")
        deployed.method(deployed.api("stageless"), "/x", "GET")
        with pytest.raises(LookupError, match="stageless has no stage dev"):
            deployed.gateway("stageless")
        deployed.small("functionless")
        with pytest.raises(LookupError, match="GET /x integrates function"):
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
            assert ask("GET", f"{gateway.url}/echo").status_code == 200
        check_port(port)
        with deployed.gateway("tracking", port=port) as again:
            assert again.url == gateway.url
