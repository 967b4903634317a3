"""Reads a deployed REST API back through the control plane: its methods, and the rules for a request to each.

Whatever the API asks for beyond that is refused here, so that nothing is silently left out.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft4Validator

from local import model
from local.aws import client
from local.function import Function
from local.integration import (
    ACCOUNT_BURST,
    ACCOUNT_RATE,
    Integration,
    IntegrationReader,
    TokenBucket,
    UnsupportedApiError,
    only_one,
    refuse_unless,
)

#: Milliseconds that an integration may take;
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
INTEGRATION_MS = 29_000


@dataclass(frozen=True)
class Method:
    """A method of a resource; all take a signature."""

    resource_id: str
    resource_path: str
    operation: str | None
    required: list[str]
    """Query parameters."""
    model: Draft4Validator | None
    """Of bodies that are application/json."""
    integration: Integration
    throttle: TokenBucket


@dataclass(frozen=True)
class GatewayResponse:
    """What the API answers itself in a case of its own."""

    status: int | None
    """None: the case's usual one."""
    template: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class RestApi:
    """A REST API as one of its stages serves it."""

    id: str
    region: str
    stage: str
    deployment: str
    gateway_responses: Mapping[str, GatewayResponse]
    """By type."""
    methods: Mapping[tuple[str, str], Method]
    """By HTTP method and the resource's path."""
    caller: Mapping[str, str]
    """What STS says of the credentials that requests are signed with."""

    def find(self, verb: str, path: str) -> Method | None:
        """The method that takes a request; a part of the path that is spelled out overrides a parameter."""
        found = [
            method
            for (called, _), method in self.methods.items()
            if called == verb and path_parameters(method, path) is not None
        ]
        return min(found, key=lambda method: method.resource_path.count("{"), default=None)


def path_parameters(method: Method, path: str) -> dict[str, str] | None:
    """The parts of a path, as they were sent, that a method has names for; None if it is not the method's."""
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(method.resource_path))
    found = re.fullmatch(pattern, path)
    return found and found.groupdict()


def read(name: str, stage: str, *, endpoint: str, region: str, functions: Mapping[str, Function]) -> RestApi:
    """Read the API with this name.

    Raises:
        LookupError: there is no such API or stage, or it integrates a function that is not given.
        UnsupportedApiError: the API has what is not served here.
    """
    gateway, sts = client("apigateway", endpoint, region), client("sts", endpoint, region)
    found = only_one(
        [api for api in _items(gateway, "get_rest_apis") if api["name"] == name], "REST", name, region
    )
    api = found["id"]
    refuse_unless(name, "binaryMediaTypes", found.get("binaryMediaTypes") or [], [])
    try:
        served = gateway.get_stage(restApiId=api, stageName=stage)
    except gateway.exceptions.NotFoundException as error:
        raise LookupError(f"{name} has no stage {stage}.") from error
    refuse_unless(f"stage {stage}", "variables", served.get("variables") or {}, {})
    limits = served.get("methodSettings") or {}
    refuse_unless(f"stage {stage}", "methodSettings", sorted({*limits, "*/*"}), ["*/*"])
    reader = _MethodReader(
        gateway,
        api,
        limits.get("*/*", {}),
        IntegrationReader(
            functions, endpoint=endpoint, region=region, scope=f"{api}/{stage}", most_ms=INTEGRATION_MS
        ),
    )
    return RestApi(
        id=api,
        region=region,
        stage=stage,
        deployment=served["deploymentId"],
        gateway_responses={
            response["responseType"]: _gateway_response(response)
            for response in _items(gateway, "get_gateway_responses", restApiId=api)
        },
        methods={
            (verb, resource["path"]): reader.read(resource, verb, definition)
            for resource in _items(gateway, "get_resources", restApiId=api, embed=["methods"])
            for verb, definition in resource.get("resourceMethods", {}).items()
        },
        caller=sts.get_caller_identity(),
    )


class _MethodReader:
    def __init__(
        self, gateway: Any, api: str, limits: Mapping[str, Any], integrations: IntegrationReader
    ) -> None:
        self._gateway, self._api = gateway, api
        self._limits = limits
        self._integrations = integrations
        self._validators = {
            validator["id"]: validator
            for validator in _items(gateway, "get_request_validators", restApiId=api)
        }

    def read(self, resource: Mapping[str, Any], verb: str, definition: Mapping[str, Any]) -> Method:
        path = resource["path"]
        what = f"{verb} {path}"
        integration = definition.get("methodIntegration") or {}
        parameters = definition.get("requestParameters") or {}
        models = definition.get("requestModels") or {}
        for name, value, known in (
            ("authorizationType", definition["authorizationType"], "AWS_IAM"),
            ("apiKeyRequired", definition["apiKeyRequired"], False),
            ("integration type", integration.get("type"), "AWS_PROXY"),
            ("integration method", integration.get("httpMethod"), "POST"),
            ("greedy path parameters", re.findall(r"{.*?\+}", path), []),
            ("method ANY", verb == "ANY", False),
            ("body models", sorted({*models, "application/json"}), ["application/json"]),
            (
                "header parameters",
                [parameter for parameter in parameters if ".header." in parameter],
                [],
            ),
        ):
            refuse_unless(what, name, value, known)
        validator = self._validators.get(definition.get("requestValidatorId") or "", {})
        return Method(
            resource_id=resource["id"],
            resource_path=path,
            operation=definition.get("operationName"),
            required=[
                parameter.split(".", 3)[3]
                for parameter, required in sorted(parameters.items())
                if required and ".querystring." in parameter and validator.get("validateRequestParameters")
            ],
            model=self._model(models["application/json"])
            if models and validator.get("validateRequestBody")
            else None,
            integration=self._integrations.read(
                what, integration["uri"], integration.get("timeoutInMillis"), f"{verb}{path}"
            ),
            throttle=TokenBucket(
                self._limits.get("throttlingRateLimit", ACCOUNT_RATE),
                self._limits.get("throttlingBurstLimit", ACCOUNT_BURST),
            ),
        )

    def _model(self, name: str) -> Draft4Validator:
        found = self._gateway.get_model(restApiId=self._api, modelName=name)
        return model.validator(json.loads(found["schema"]))


def _gateway_response(response: Mapping[str, Any]) -> GatewayResponse:
    what = f"gateway response {response['responseType']}"
    templates = response.get("responseTemplates") or {}
    refuse_unless(what, "templates", sorted({*templates, "application/json"}), ["application/json"])
    template = templates.get("application/json", '{"message":$context.error.messageString}')
    if found := re.search(r"\$(stageVariables|method)\.\S*", template):
        raise UnsupportedApiError(f"The local gateway cannot serve {what}: its template names {found[0]}.")
    headers = response.get("responseParameters") or {}
    for name, value in headers.items():
        if not value.startswith("'"):
            raise UnsupportedApiError(f"The local gateway cannot serve {what}: {name} is not a constant.")
    status = response.get("statusCode")
    return GatewayResponse(
        int(status) if status else None,
        template,
        {name.removeprefix("gatewayresponse.header."): value[1:-1] for name, value in headers.items()},
    )


def _items(client: Any, operation: str, **parameters: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator(operation).paginate(**parameters)
    return [item for page in pages for item in page["items"]]
