"""The signed REST API in front of a function."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cdktf import TerraformResource, TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.api_gateway_deployment import ApiGatewayDeployment
from cdktf_cdktf_provider_aws.api_gateway_gateway_response import ApiGatewayGatewayResponse
from cdktf_cdktf_provider_aws.api_gateway_integration import ApiGatewayIntegration
from cdktf_cdktf_provider_aws.api_gateway_integration_response import ApiGatewayIntegrationResponse
from cdktf_cdktf_provider_aws.api_gateway_method import ApiGatewayMethod
from cdktf_cdktf_provider_aws.api_gateway_method_response import ApiGatewayMethodResponse
from cdktf_cdktf_provider_aws.api_gateway_method_settings import (
    ApiGatewayMethodSettings,
    ApiGatewayMethodSettingsSettings,
)
from cdktf_cdktf_provider_aws.api_gateway_model import ApiGatewayModel
from cdktf_cdktf_provider_aws.api_gateway_request_validator import ApiGatewayRequestValidator
from cdktf_cdktf_provider_aws.api_gateway_resource import ApiGatewayResource
from cdktf_cdktf_provider_aws.api_gateway_rest_api import (
    ApiGatewayRestApi,
    ApiGatewayRestApiEndpointConfiguration,
)
from cdktf_cdktf_provider_aws.api_gateway_stage import ApiGatewayStage, ApiGatewayStageAccessLogSettings
from constructs import Construct

from contract.routes import Body, Route
from stacks.constructs.environment import Environment
from stacks.constructs.function import PythonFunction
from stacks.constructs.metric import Metric

#: One line a request: who called what, and how it ended. No address, parameter or body of a caller.
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "caller": "$context.identity.userArn",
    "method": "$context.httpMethod",
    "resource": "$context.resourcePath",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "latency_ms": "$context.responseLatency",
    "function_latency_ms": "$context.integrationLatency",
    "response_bytes": "$context.responseLength",
    "trace_id": "$context.xrayTraceId",
}


class GatewayResponse(NamedTuple):
    """What API Gateway itself answers in a case of its own; see its "Gateway response types".

    `headers` maps a header to its value; `template` knows API Gateway's context variables.
    """

    type: str
    template: str
    status: str | None = None
    headers: Mapping[str, str] = {}


class RestApi(Construct):
    """A regional REST API whose methods all take a SigV4 signature and call one function.

    Args:
        name: without the environment's, which ends it, and is that of the stage.
        rate_limit: requests a second, for all callers together.
        burst_limit: requests at once.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        description: str,
        function: PythonFunction,
        validator_name: str,
        routes: Sequence[Route],
        gateway_responses: Sequence[GatewayResponse],
        rate_limit: int,
        burst_limit: int,
    ) -> None:
        super().__init__(scope, id)
        self._function = function
        environment = Environment.of(self)
        self._api = ApiGatewayRestApi(
            self,
            "api",
            name=f"{name}-{environment.name}",
            description=description,
            endpoint_configuration=ApiGatewayRestApiEndpointConfiguration(types=["REGIONAL"]),
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
        )
        self.name = self._api.name
        self._validator = ApiGatewayRequestValidator(
            self,
            "validator",
            name=validator_name,
            rest_api_id=self._api.id,
            validate_request_body=True,
            validate_request_parameters=True,
        )
        function.let_api_call(
            self, "permission", statement_id="AllowAPIGatewayInvoke", execution_arn=self._api.execution_arn
        )

        self._resource_ids = {"": self._api.root_resource_id}
        self._definition: list[TerraformResource] = [self._validator]
        for route in routes:
            self._add_route(route)
        for response in gateway_responses:
            self._add_gateway_response(response)
        self._add_stage(environment, rate_limit=rate_limit, burst_limit=burst_limit)

    def metric(self, name: str, statistic: str = "Sum") -> Metric:
        """A metric that API Gateway emits for the stage."""
        dimensions = {"ApiName": self.name, "Stage": self.stage_name}
        return Metric("AWS/ApiGateway", name, statistic, dimensions)

    def _add_route(self, route: Route) -> None:
        id = route.key
        method = ApiGatewayMethod(
            self,
            id,
            rest_api_id=self._api.id,
            resource_id=self._resource_id(route.path),
            http_method=route.method,
            authorization="AWS_IAM",
            request_validator_id=self._validator.id,
            request_models={"application/json": self._model_name(route.body)} if route.body else None,
            request_parameters={
                **{
                    f"method.request.querystring.{parameter.name}": parameter.required
                    for parameter in route.parameters
                },
                **{f"method.request.path.{name}": True for name in route.path_parameters},
            }
            or None,
        )
        place: Any = {
            "rest_api_id": method.rest_api_id,
            "resource_id": method.resource_id,
            "http_method": method.http_method,
        }
        integration = ApiGatewayIntegration(
            self,
            f"{id} integration",
            **place,
            type="AWS_PROXY",
            integration_http_method="POST",
            uri=self._function.invoke_arn,
        )
        response = ApiGatewayMethodResponse(
            self, f"{id} 200", **place, status_code="200", response_models={"application/json": "Empty"}
        )
        integration_response = ApiGatewayIntegrationResponse(
            self, f"{id} integration 200", **place, status_code=response.status_code, depends_on=[integration]
        )
        self._definition += [method, integration, response, integration_response]

    def _resource_id(self, path: str) -> str:
        if path not in self._resource_ids:
            parent, _, part = path.rpartition("/")
            resource = ApiGatewayResource(
                self, path, rest_api_id=self._api.id, parent_id=self._resource_id(parent), path_part=part
            )
            self._definition.append(resource)
            self._resource_ids[path] = resource.id
        return self._resource_ids[path]

    def _model_name(self, body: Body) -> str:
        schema = body.schema.read_text(encoding="utf-8")
        resource = ApiGatewayModel(
            self,
            body.model,
            rest_api_id=self._api.id,
            name=body.model,
            description=json.loads(schema)["title"],
            content_type="application/json",
            schema=schema,
        )
        self._definition.append(resource)
        return resource.name

    def _add_gateway_response(self, response: GatewayResponse) -> None:
        self._definition.append(
            ApiGatewayGatewayResponse(
                self,
                response.type,
                rest_api_id=self._api.id,
                response_type=response.type,
                status_code=response.status,
                response_templates={"application/json": response.template},
                response_parameters={
                    f"gatewayresponse.header.{header}": f"'{value}'"
                    for header, value in response.headers.items()
                }
                or None,
            )
        )

    def _add_stage(self, environment: Environment, *, rate_limit: int, burst_limit: int) -> None:
        access_log = environment.log_group(self, "access-log", name=f"/aws/apigateway/{self._api.name_input}")
        # A deployment is a snapshot: whatever differs in the definition needs a new one. Naming the resources
        # here also makes Terraform create them first.
        definition = [_configured(element) for element in self._definition]
        # Of the API itself only what a deployment holds: a new tag needs no deployment.
        definition += [f"{_address(self._api)}.{name}" for name in ("binary_media_types", "api_key_source")]
        deployment = ApiGatewayDeployment(
            self,
            "deployment",
            rest_api_id=self._api.id,
            triggers={"definition": f"${{sha256(jsonencode([{', '.join(definition)}]))}}"},
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
        )
        self.access_log_name = access_log.name
        self._stage = ApiGatewayStage(
            self,
            "stage",
            rest_api_id=self._api.id,
            deployment_id=deployment.id,
            stage_name=environment.name,
            description=f"Stage for {environment.name}",
            xray_tracing_enabled=True,
            access_log_settings=ApiGatewayStageAccessLogSettings(
                destination_arn=access_log.arn, format=json.dumps(ACCESS_LOG)
            ),
        )
        ApiGatewayMethodSettings(
            self,
            "settings",
            rest_api_id=self._api.id,
            stage_name=self._stage.stage_name,
            method_path="*/*",
            settings=ApiGatewayMethodSettingsSettings(
                throttling_rate_limit=rate_limit, throttling_burst_limit=burst_limit
            ),
        )
        self.stage_name = self._stage.stage_name
        self.stage_arn = self._stage.arn
        self.invoke_url = self._stage.invoke_url


def _address(resource: TerraformResource) -> str:
    return f"{resource.terraform_resource_type}.{resource.friendly_unique_id}"


def _configured(resource: TerraformResource) -> str:
    """The Terraform object of what is configured; the rest AWS fills in later, which is no change."""
    configuration = resource.to_terraform()["resource"][resource.terraform_resource_type]
    names = configuration[resource.friendly_unique_id].keys() - {"//", "depends_on", "rest_api_id"}
    values = [f"{_address(resource)}.{name}" for name in sorted(names)]
    # The provider writes a schema anew, with other white space.
    return f"[{', '.join(f'jsondecode({v})' if v.endswith('.schema') else v for v in values)}]"
