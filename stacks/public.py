"""The public API: what anyone may see of a shipment."""

from cdktf import TerraformOutput, TerraformStack
from constructs import Construct

from stacks.constructs.alarms import Alarm, Alarms
from stacks.constructs.dashboard import AlarmStatus, Dashboard, Graph
from stacks.constructs.function import PythonFunction
from stacks.constructs.http_api import HttpApi
from stacks.constructs.key import EncryptionKey
from stacks.constructs.references import KeyReference, TableReference, TopicReference
from stacks.foundation import lay_foundation
from stacks.package import build
from stacks.settings import Settings
from stacks.tracking import TrackingStack

MEMORY_MB, TIMEOUT_SECONDS = 512, 60
METRICS_NAMESPACE = "LogisticsTracking"
#: Greedy, since an HTTP API decodes %2F before it looks for the route.
SHIPMENTS = "GET /shipments/{tracking_id+}"


class PublicStack(TerraformStack):
    """Everything of one environment that customers and web shops use; nobody signs in.

    It uses the table and the alarm topic of `tracking`, which it depends on and knows by their names alone: so it
    can be planned before they are there. CDKTF's own references between stacks would read the other stack's whole
    state instead: whoever deploys this stack would need a right to all that is in there, HCP Terraform's workspaces
    would have to be told to share it, and a state that is moved would break this one.

    Under a customer-managed key it has one of its own, since log groups and variables ask for a key's id.
    """

    def __init__(self, scope: Construct, id: str, settings: Settings, *, tracking: TrackingStack) -> None:
        super().__init__(scope, id)
        self.add_dependency(tracking)
        env = settings.environment
        account = lay_foundation(self, settings, tags=settings.tags, state_key=f"public/{env}")

        key = table_key = table = None
        if settings.deployment.customer_managed_key:
            key = EncryptionKey(self, "key", name=f"tracking-public-{env}", account=account)
            table_key = KeyReference(tracking.key_name, account)
        if settings.public.access == "open":
            table = TableReference(tracking.table_name, account, table_key)
        topic = TopicReference(tracking.alarm_topic_name, account)
        function = PythonFunction(
            self,
            "function",
            name=f"tracking-public-{env}",
            role_name=f"tracking-public-role-{env}{settings.region_suffix}",
            handler="public.handler.handler",
            package=build("public"),
            memory_mb=MEMORY_MB,
            timeout_seconds=TIMEOUT_SECONDS,
            environment={
                **({"TABLE_NAME": table.name} if table else {}),
                "ENVIRONMENT": env,
                "REGION": account.region,
                "POWERTOOLS_SERVICE_NAME": "tracking-public",
                "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
                "LOG_LEVEL": "INFO",
            },
            dead_letters=None,
            log_retention_days=settings.public.log_retention_days,
            key=key,
            protect_from_deletion=settings.deployment.protect_from_deletion,
            # An HTTP API begins no traces, and strangers' own trace headers should start none.
            traced=False,
        )
        # Metrics have no ARN to name (Service Authorization Reference, "Amazon CloudWatch"). The function's own
        # go through its log and need no right; this is for what would be sent without one.
        function.role.allow(
            ["cloudwatch:PutMetricData"],
            "*",
            condition={"StringEquals": {"cloudwatch:namespace": METRICS_NAMESPACE}},
        )
        if table:
            table.grant_read_history(function.role)

        api = HttpApi(
            self,
            "api",
            name=f"tracking-public-{env}",
            description="Public Tracking API",
            function=function,
            routes=["$default", SHIPMENTS] if table else ["$default"],
            allowed_origins=settings.public.allowed_origins,
            rate_limit=settings.public.rate_limit,
            burst_limit=settings.public.burst_limit,
            log_retention_days=settings.public.log_retention_days,
            key=key,
            protect_from_deletion=settings.deployment.protect_from_deletion,
        )

        rows = [
            Alarm(
                "public-5xx",
                api.metric("5xx"),
                threshold=5,
                periods=1,
                period_seconds=60,
                meaning="The public API's requests fail through no fault of the customers.",
            ),
            *function.alarms(
                "public",
                "the public API's function",
                errors={
                    "threshold": 5,
                    "periods": 2,
                    "meaning": "The public API's function dies, and its callers get 500.",
                },
                duration={
                    "metric": function.metric("Duration", "Average"),
                    "threshold": 45_000,
                    "meaning": "Customers wait too long (ms): DynamoDB does not answer in time.",
                },
                throttle={"threshold": 1},
            ),
        ]
        alarms = Alarms(self, "alarms", settings=settings, topic=topic, rows=rows)
        self.alarm_names = alarms.names
        counts = ("Invocations", "Errors", "Throttles")
        Dashboard(
            self,
            "dashboard",
            name=f"logistics-public-{env}{settings.region_suffix}",
            region=account.region,
            rows=[
                [AlarmStatus("Alarms", alarms.arns)],
                [
                    Graph("Invocations", {count: function.metric(count) for count in counts}),
                    Graph("Duration", {"average": function.metric("Duration", "Average")}),
                ],
            ],
        )

        outputs = {
            "api_gateway_url": api.url,
            "lambda_function_name": function.name,
            "lambda_function_arn": function.arn,
            "api_gateway_id": api.id,
            "cloudwatch_log_group": function.log_group_name,
            "environment_suffix": env,
            "lambda_role_arn": function.role.arn,
            "region": account.region,
            "memory_size": MEMORY_MB,
            "timeout": TIMEOUT_SECONDS,
            "runtime": function.runtime,
        }
        for name, value in outputs.items():
            # The construct's own name, since "region" is that of a data source.
            TerraformOutput(self, f"output-{name}", value=value).override_logical_id(name)
