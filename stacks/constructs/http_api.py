"""An HTTP API in front of functions."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from cdktf_cdktf_provider_aws.apigatewayv2_api import Apigatewayv2Api, Apigatewayv2ApiCorsConfiguration
from cdktf_cdktf_provider_aws.apigatewayv2_authorizer import (
    Apigatewayv2Authorizer,
    Apigatewayv2AuthorizerJwtConfiguration,
)
from cdktf_cdktf_provider_aws.apigatewayv2_integration import Apigatewayv2Integration
from cdktf_cdktf_provider_aws.apigatewayv2_route import Apigatewayv2Route
from cdktf_cdktf_provider_aws.apigatewayv2_stage import (
    Apigatewayv2Stage,
    Apigatewayv2StageAccessLogSettings,
    Apigatewayv2StageDefaultRouteSettings,
)
from constructs import Construct

from stacks.constructs.environment import Environment
from stacks.constructs.function import PythonFunction
from stacks.constructs.metric import Metric

#: One line a request. No address, path or parameter of a caller: what was looked for is not our operators' business.
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "method": "$context.httpMethod",
    "route": "$context.routeKey",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "latency_ms": "$context.responseLatency",
    "function_latency_ms": "$context.integrationLatency",
    "response_bytes": "$context.responseLength",
}
#: Seconds for which a browser need not ask again what another site's script may do.
CORS_MAX_AGE = 300


class JwtRoute(NamedTuple):
    """A route that lets in whoever has a JWT of an issuer."""

    key: str
    name: str
    """The authorizer's."""
    issuer: str
    audience: Sequence[str]
    """Of which the token names one."""
    scopes: Sequence[str]
    """Of which the token has one, if there are any."""


class HttpApi(Construct):
    """An HTTP API, without routes until `add_routes` is called.

    Its one stage, $default, stands in no path, and follows every change by itself.

    Args:
        name: without the environment's, which ends it.
        allowed_origins: whose scripts may read the answers, if there are any; API Gateway answers their preflight
            requests.
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
        rate_limit: int,
        burst_limit: int,
        allowed_origins: Sequence[str] | None = None,
    ) -> None:
        super().__init__(scope, id)
        environment = Environment.of(self)
        name = f"{name}-{environment.name}"
        api = Apigatewayv2Api(
            self,
            "api",
            name=name,
            description=description,
            protocol_type="HTTP",
            cors_configuration=Apigatewayv2ApiCorsConfiguration(
                allow_origins=list(allowed_origins),
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=["*"],
                max_age=CORS_MAX_AGE,
                allow_credentials=False,
            )
            if allowed_origins is not None
            else None,
        )
        access_log = environment.log_group(
            self,
            "access-log",
            # Log delivery writes each group of another name into the one policy of a region, which takes 5,120
            # characters (CloudWatch Logs user guide, "Enable logging from AWS services").
            name=f"/aws/vendedlogs/apigateway/{name}",
        )
        stage = Apigatewayv2Stage(
            self,
            "stage",
            api_id=api.id,
            name="$default",
            auto_deploy=True,
            default_route_settings=Apigatewayv2StageDefaultRouteSettings(
                throttling_rate_limit=rate_limit, throttling_burst_limit=burst_limit
            ),
            access_log_settings=Apigatewayv2StageAccessLogSettings(
                destination_arn=access_log.arn, format=json.dumps(ACCESS_LOG)
            ),
        )
        self.id, self._execution_arn = api.id, api.execution_arn
        self.url = stage.invoke_url
        self._stage_name = stage.name

    def add_routes(
        self,
        function: PythonFunction,
        *,
        public: Sequence[str] = (),
        signed: Sequence[str] = (),
        jwt: Sequence[JwtRoute] = (),
        name: str = "",
    ) -> None:
        """Has a function answer routes, which are named by their keys, as in "GET /shipments/{tracking_id}".

        Args:
            public: those that let in everybody.
            signed: those that let in whom IAM allows to call the route, by their signatures.
            jwt: those with an authorizer of their own.
            name: ends the ids of what connects the function, where it is not the API's only one.
        """
        suffix = f"-{name}" if name else ""
        function.let_api_call(
            self, f"permission{suffix}", statement_id="AllowHttpApiInvoke", execution_arn=self._execution_arn
        )
        integration = Apigatewayv2Integration(
            self,
            f"integration{suffix}",
            api_id=self.id,
            integration_type="AWS_PROXY",
            integration_method="POST",
            integration_uri=function.invoke_arn,
            payload_format_version="2.0",
        )
        for key in (*public, *signed):
            Apigatewayv2Route(
                self,
                key,
                api_id=self.id,
                route_key=key,
                target=f"integrations/{integration.id}",
                authorization_type="AWS_IAM" if key in signed else None,
            )
        for route in jwt:
            authorizer = Apigatewayv2Authorizer(
                self,
                f"authorizer-{route.name}",
                api_id=self.id,
                name=route.name,
                authorizer_type="JWT",
                identity_sources=["$request.header.Authorization"],
                jwt_configuration=Apigatewayv2AuthorizerJwtConfiguration(
                    issuer=route.issuer, audience=list(route.audience)
                ),
            )
            Apigatewayv2Route(
                self,
                route.key,
                api_id=self.id,
                route_key=route.key,
                target=f"integrations/{integration.id}",
                authorization_type="JWT",
                authorizer_id=authorizer.id,
                authorization_scopes=list(route.scopes) or None,
            )

    def metric(self, name: str, statistic: str = "Sum") -> Metric:
        """A metric that API Gateway emits for the stage."""
        return Metric("AWS/ApiGateway", name, statistic, {"ApiId": self.id, "Stage": self._stage_name})
