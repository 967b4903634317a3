"""Reads a deployed REST API back through the control plane: what there is to route to, and by which rules.

Whatever the API asks for beyond what the local gateway does is refused here, so that nothing is silently
left out.
"""

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import boto3
from botocore.exceptions import ClientError
from jsonschema import Draft4Validator

from local import model
from local.aws import CREDENTIALS
from local.function import Function

#: What an account has where a stage sets nothing, and how long an integration may take;
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
ACCOUNT_RATE, ACCOUNT_BURST, INTEGRATION_MS = 10_000, 5_000, 29_000


class UnsupportedApiError(Exception):
    """The deployed API needs something that the local gateway does not have."""


@dataclass
class TokenBucket:
    """API Gateway's throttling: a steady rate of requests per second, and a burst of saved-up ones."""

    rate: float
    burst: int
    _tokens: float = field(init=False)
    _at: float = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._tokens, self._at = self.burst, time.monotonic()

    def take(self) -> bool:
        """Take one request's token, if there is one."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


@dataclass(frozen=True)
class Method:
    """A method of a resource, with the rules for a request to it."""

    resource_id: str
    resource_path: str
    operation: str | None
    signed: bool
    required: list[tuple[str, str]]
    """Required parameters as (``header`` | ``path`` | ``querystring``, name)."""
    models: dict[str, Draft4Validator]
    """By media type; empty if bodies are not validated."""
    function: Function
    permitted: bool
    """Whether the function's policy lets this method invoke it."""
    timeout: float
    """Seconds."""
    throttle: TokenBucket


@dataclass(frozen=True)
class Api:
    """A REST API as one of its stages serves it."""

    id: str
    region: str
    stage: str
    deployment: str
    variables: dict[str, str]
    binary_media_types: list[str]
    gateway_responses: dict[str, dict[str, Any]]
    methods: dict[str, dict[str, Method]]
    """By the resource's path, then by HTTP method."""
    caller: dict[str, str]
    """What STS says of the credentials that requests are signed with."""


def read(name: str, stage: str, *, endpoint: str, region: str, functions: Mapping[str, Function]) -> Api:
    """Read the API with this name.

    Raises:
        LookupError: there is no such API or stage, or it integrates a function that is not given.
        UnsupportedApiError: the API has what the local gateway cannot do.
    """
    gateway, lambda_, sts = (client(service, endpoint, region) for service in ("apigateway", "lambda", "sts"))
    found = [api for api in _items(gateway, "get_rest_apis") if api["name"] == name]
    if len(found) != 1:
        raise LookupError(f"There are {len(found)} REST APIs named {name} in {region}, not one.")
    api = found[0]["id"]
    try:
        served = gateway.get_stage(restApiId=api, stageName=stage)
    except gateway.exceptions.NotFoundException as error:
        raise LookupError(f"{name} has no stage {stage}.") from error
    reader = _MethodReader(gateway, lambda_, api, served, region, functions)
    return Api(
        id=api,
        region=region,
        stage=stage,
        deployment=served["deploymentId"],
        variables=served.get("variables") or {},
        binary_media_types=found[0].get("binaryMediaTypes") or [],
        gateway_responses={
            response["responseType"]: response
            for response in _items(gateway, "get_gateway_responses", restApiId=api)
        },
        methods={
            resource["path"]: {
                method: reader.read(resource, method, definition)
                for method, definition in resource.get("resourceMethods", {}).items()
            }
            for resource in _items(gateway, "get_resources", restApiId=api, embed=["methods"])
        },
        caller=sts.get_caller_identity(),
    )


class _MethodReader:
    def __init__(
        self,
        gateway: Any,
        lambda_: Any,
        api: str,
        stage: dict[str, Any],
        region: str,
        functions: Mapping[str, Function],
    ) -> None:
        self._functions = functions
        self._sources = {name: permitted_sources(lambda_, name) for name in functions}
        self._scope = f"{region}:{{account}}:{api}/{stage['stageName']}"
        self._settings: dict[str, dict[str, Any]] = stage.get("methodSettings") or {}
        self._validators = {
            validator["id"]: validator
            for validator in _items(gateway, "get_request_validators", restApiId=api)
        }
        self._gateway, self._api = gateway, api

    def read(self, resource: dict[str, Any], name: str, definition: dict[str, Any]) -> Method:
        path = resource["path"]
        integration = definition.get("methodIntegration") or {}
        for value, known, what in (
            (definition["authorizationType"], ("AWS_IAM", "NONE"), "authorization"),
            (definition["apiKeyRequired"], (False,), "API key"),
            (integration.get("type"), ("AWS_PROXY",), "integration"),
            (integration.get("httpMethod"), ("POST",), "integration method"),
        ):
            if value not in known:
                raise UnsupportedApiError(f"The local gateway does not know {what} {value} of {name} {path}.")
        target = re.sub(r".*:function:([^:/]+).*", r"\1", integration["uri"])
        if target not in self._functions:
            raise LookupError(f"{name} {path} integrates {target}, which is not among the functions.")
        function = self._functions[target]
        _, partition, _, _, account, *_ = function.arn.split(":")
        source = f"arn:{partition}:execute-api:{self._scope.format(account=account)}/{name}{path}"
        validator = self._validators.get(definition.get("requestValidatorId") or "", {})
        parameters = definition.get("requestParameters") or {}
        models = definition.get("requestModels") or {}
        setting = self._setting(path, name)
        return Method(
            resource_id=resource["id"],
            resource_path=path,
            operation=definition.get("operationName"),
            signed=definition["authorizationType"] == "AWS_IAM",
            required=[
                (parameter.split(".")[2], parameter.split(".", 3)[3])
                for parameter, required in sorted(parameters.items())
                if required and validator.get("validateRequestParameters")
            ],
            models={
                media: self._model(model_name)
                for media, model_name in models.items()
                if validator.get("validateRequestBody")
            },
            function=function,
            permitted=any(fnmatchcase(source, pattern) for pattern in self._sources[target]),
            timeout=int(integration.get("timeoutInMillis") or INTEGRATION_MS) / 1000,
            throttle=TokenBucket(
                setting.get("throttlingRateLimit", ACCOUNT_RATE),
                setting.get("throttlingBurstLimit", ACCOUNT_BURST),
            ),
        )

    def _model(self, name: str) -> Draft4Validator:
        found = self._gateway.get_model(restApiId=self._api, modelName=name)
        return model.validator(json.loads(found["schema"]))

    def _setting(self, path: str, name: str) -> dict[str, Any]:
        escaped = path.removeprefix("/").replace("/", "~1")
        keys = (f"~1{escaped}/{name}", f"{escaped}/{name}", "*/*")
        return next((self._settings[key] for key in keys if key in self._settings), {})


def _items(client: Any, operation: str, **parameters: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator(operation).paginate(**parameters)
    return [item for page in pages for item in page["items"]]


def client(service: str, endpoint: str, region: str) -> Any:
    """A client of a service of the embedded AWS."""
    keys = {key.lower(): value for key, value in CREDENTIALS.items()}
    return boto3.client(service, endpoint_url=endpoint, region_name=region, **keys)


def permitted_sources(client: Any, function: str) -> list[str]:
    """ARN patterns of the API methods that a function's policy lets invoke it."""
    try:
        policy = json.loads(client.get_policy(FunctionName=function)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return []
    return [
        statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*")
        for statement in policy["Statement"]
        if statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
        and statement["Action"] == "lambda:InvokeFunction"
    ]
