"""A Lambda function with its role and its log group."""

from collections.abc import Mapping
from typing import Any

from cdktf import AssetType, Fn, TerraformAsset
from cdktf_cdktf_provider_aws.lambda_function import (
    LambdaFunction,
    LambdaFunctionDeadLetterConfig,
    LambdaFunctionEnvironment,
    LambdaFunctionTracingConfig,
)
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from constructs import Construct

import contract
from stacks.constructs.alarms import Alarm
from stacks.constructs.dashboard import Graph
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.environment import Environment
from stacks.constructs.metric import Metric
from stacks.constructs.role import Role
from stacks.package import PYTHON, build


class PythonFunction(Construct):
    """A function on Python 3.13 and arm64 that writes its logs and traces, and no more until it is granted.

    Args:
        package: the folder of ``lambda/`` with the code, whose module `handler` has the function `handler`.
        name: ``tracking-`` and the package, if it is no other; the environment's ends it, and that of its role.
        service: what its logs and metrics are called by; the function's name, if there is no other.
        role_name: the function's name with ``-role``, if it is no other.
        variables: of its environment, besides those that every function has.
        dead_letters: gets the events of asynchronous invocations that failed.
        traced: whether X-Ray follows requests through it.
        reserved_concurrency: of the account's runs at once, those kept for it, which gets no more; with 0 it shares
            with all functions.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        package: str,
        memory_mb: int,
        timeout_seconds: int,
        variables: Mapping[str, str],
        name: str = "",
        service: str = "",
        role_name: str = "",
        dead_letters: DeadLetterQueue | None = None,
        traced: bool = True,
        reserved_concurrency: int = 0,
    ) -> None:
        super().__init__(scope, id)
        environment = Environment.of(self)
        name = name or f"tracking-{package}"
        function_name, key = f"{name}-{environment.name}", environment.key
        self._variables = {
            contract.ENVIRONMENT: environment.name,
            contract.REGION: environment.account.region,
            contract.SERVICE_NAME: service or name,
            contract.METRICS_NAMESPACE: contract.NAMESPACE,
            contract.LOG_LEVEL: "INFO",
            **variables,
        }
        # Lambda makes a group that keeps its logs for ever, if there is none at the first call.
        logs = environment.log_group(self, "logs", name=f"/aws/lambda/{function_name}")
        self.log_group_name = logs.name
        self.role = Role(
            self,
            "role",
            name=f"{role_name or f'{name}-role'}-{environment.name}{environment.region_suffix}",
            service="lambda.amazonaws.com",
        )
        self.role.allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{logs.arn}:*")
        if traced:
            # Traces have no ARN to name (Service Authorization Reference, "AWS X-Ray").
            self.role.allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*")
        if dead_letters:
            dead_letters.grant_send(self.role)
        if key:
            key.grant_variables(self.role, function=function_name)

        # A constant hash keeps the archive's path, and so the review of a plan, free of noise.
        archive = TerraformAsset(
            self, "package", path=str(build(package)), type=AssetType.FILE, asset_hash="package"
        )
        self._function = LambdaFunction(
            self,
            "function",
            function_name=function_name,
            role=self.role.arn,
            runtime=f"python{PYTHON}",
            architectures=["arm64"],
            handler=f"{package}.handler.handler",
            filename=archive.path,
            source_code_hash=Fn.filebase64sha256(archive.path),
            memory_size=memory_mb,
            timeout=timeout_seconds,
            # To Lambda 0 means that the function may not run.
            reserved_concurrent_executions=reserved_concurrency or None,
            environment=LambdaFunctionEnvironment(variables=self._variables),
            kms_key_arn=key.arn if key else None,
            dead_letter_config=(
                LambdaFunctionDeadLetterConfig(target_arn=dead_letters.arn) if dead_letters else None
            ),
            tracing_config=LambdaFunctionTracingConfig(mode="Active") if traced else None,
            depends_on=[logs, self.role.policy],
        )
        self.name = self._function.function_name
        self.arn = self._function.arn
        self.invoke_arn = self._function.invoke_arn
        self.timeout_seconds = timeout_seconds
        self.runtime = self._function.runtime

    def let_api_call(self, scope: Construct, id: str, *, statement_id: str, execution_arn: str) -> None:
        """Lets one API of API Gateway call the function; `scope` is the API's construct."""
        LambdaPermission(
            scope,
            id,
            statement_id=statement_id,
            action="lambda:InvokeFunction",
            function_name=self.name,
            principal="apigateway.amazonaws.com",
            source_arn=f"{execution_arn}/*/*",
        )

    def metric(self, name: str, statistic: str = "Sum") -> Metric:
        """A metric that Lambda emits for the function."""
        return Metric("AWS/Lambda", name, statistic, {"FunctionName": self.name})

    def alarms(
        self,
        name: str,
        called: str,
        *,
        errors: Mapping[str, Any] = {},
        duration: Mapping[str, Any] = {},
        throttle: Mapping[str, Any] = {},
    ) -> list[Alarm]:
        """The three alarms that every function has.

        Args:
            name: what their names begin with.
            called: what operators call the function, as in "the notifier".
            errors: fields of the alarm on errors that are not as usual; so too `duration` and `throttle`.
        """
        title = called[0].upper() + called[1:]
        dies = f"{title} dies: it does not start, runs out of memory, or reaches its timeout."
        slow = f"{title} is about to reach its timeout (ms)."
        refused = f"Lambda refuses to run {called}: no concurrency is left for it."
        longest, most_of_it = self.metric("Duration", "Maximum"), self.timeout_seconds * 800
        return [
            Alarm(f"{name}-errors", self.metric("Errors"), 2, 1, 300, dies)._replace(**errors),
            Alarm(f"{name}-duration", longest, most_of_it, 2, 300, slow, "ignore")._replace(**duration),
            Alarm(f"{name}-throttle", self.metric("Throttles"), 10, 1, 300, refused)._replace(**throttle),
        ]

    def graphs(self, title: str) -> tuple[Graph, Graph]:
        """What a dashboard shows of every function: its runs, and how long they take."""
        return (
            Graph(title, {name: self.metric(name) for name in ("Invocations", "Errors", "Throttles")}),
            Graph(
                f"{title} (ms)",
                {name: self.metric("Duration", name) for name in ("Average", "p99", "Maximum")},
            ),
        )

    def own_metric(self, name: str, statistic: str = "Sum") -> Metric:
        """A metric that the function's code counts, or measures, with `runtime.telemetry`."""
        dimensions = {
            contract.SERVICE_DIMENSION: self._variables[contract.SERVICE_NAME],
            contract.ENVIRONMENT_DIMENSION: self._variables[contract.ENVIRONMENT],
        }
        return Metric(self._variables[contract.METRICS_NAMESPACE], name, statistic, dimensions)
