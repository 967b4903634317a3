"""The public API: what anyone may see of a shipment."""

from cdktf import TerraformOutput
from constructs import Construct

import contract
from stacks.alarms import public_alarms
from stacks.constructs.alarms import Alarms
from stacks.constructs.dashboard import AlarmStatus, Dashboard, Graph
from stacks.constructs.function import PythonFunction
from stacks.constructs.http_api import HttpApi
from stacks.constructs.key import EncryptionKey
from stacks.constructs.references import KeyReference, TableReference, TopicReference
from stacks.settings import Settings
from stacks.stack import Stack
from stacks.tracking import TrackingStack

MEMORY_MB, TIMEOUT_SECONDS = 512, 60
#: Greedy, since an HTTP API decodes %2F before it looks for the route.
SHIPMENTS = "GET /shipments/{tracking_id+}"


class PublicStack(Stack):
    """Everything of one environment that customers and web shops use; nobody signs in.

    It uses the table and the alarm topic of `tracking`, which it depends on and knows by their names alone: so it
    can be planned before they are there. CDKTF's own references between stacks would read the other stack's whole
    state instead: whoever deploys this stack would need a right to all that is in there, HCP Terraform's workspaces
    would have to be told to share it, and a state that is moved would break this one.

    Under a customer-managed key it has one of its own, since log groups and variables ask for a key's id.
    """

    def __init__(self, scope: Construct, id: str, settings: Settings, *, tracking: TrackingStack) -> None:
        env, chosen = settings.environment, settings.public
        super().__init__(scope, id, settings, state_key=f"public/{env}")
        self.add_dependency(tracking)

        key = table_key = table = shipments = references = None
        if settings.deployment.customer_managed_key:
            key = EncryptionKey(self, "key", name=f"tracking-public-{env}", account=self.account)
            table_key = KeyReference(tracking.key_name, self.account)
        if chosen.access == "open":
            table = TableReference(tracking.table_name, self.account, table_key)
            shipments = TableReference(tracking.shipments_name, self.account, table_key)
            if settings.partners.enabled:  # else no tracking id is a carrier's
                references = TableReference(tracking.references_name, self.account, table_key)
        topic = TopicReference(tracking.alarm_topic_name, self.account)
        environment = self.environment(key=key, log_retention_days=chosen.log_retention_days)
        function = PythonFunction(
            self,
            "function",
            environment=environment,
            name="tracking-public",
            package="public",
            memory_mb=MEMORY_MB,
            timeout_seconds=TIMEOUT_SECONDS,
            variables={
                variable: known.name
                for variable, known in (
                    (contract.TABLE_NAME, table),
                    (contract.SHIPMENTS_TABLE, shipments),
                    (contract.REFERENCES_TABLE, references),
                )
                if known
            },
            # An HTTP API begins no traces, and strangers' own trace headers should start none.
            traced=False,
            reserved_concurrency=chosen.reserved_concurrency,
        )
        # Metrics have no ARN to name (Service Authorization Reference, "Amazon CloudWatch"). The function's own
        # go through its log and need no right; this is for what would be sent without one.
        function.role.allow(
            ["cloudwatch:PutMetricData"],
            "*",
            condition={"StringEquals": {"cloudwatch:namespace": contract.NAMESPACE}},
        )
        if table and shipments:
            table.grant(function.role, "Query")
            shipments.grant(function.role, "GetItem")
        if references:
            references.grant(function.role, "Query")

        api = HttpApi(
            self,
            "api",
            environment=environment,
            name="tracking-public",
            description="Public Tracking API",
            allowed_origins=chosen.allowed_origins,
            rate_limit=chosen.rate_limit,
            burst_limit=chosen.burst_limit,
        )
        api.add_routes(function, public=["$default", SHIPMENTS] if table else ["$default"])

        rows = public_alarms(settings, api, function)
        alarms = Alarms(self, "alarms", settings=settings, topic=topic, rows=rows)
        self.alarm_names = alarms.names
        counts = ("Invocations", "Errors", "Throttles")
        Dashboard(
            self,
            "dashboard",
            name=f"logistics-public-{env}{settings.region_suffix}",
            region=self.account.region,
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
            "region": self.account.region,
            "memory_size": MEMORY_MB,
            "timeout": TIMEOUT_SECONDS,
            "runtime": function.runtime,
        }
        for name, value in outputs.items():
            # The construct's own name, since "region" is that of a data source.
            TerraformOutput(self, f"output-{name}", value=value).override_logical_id(name)
