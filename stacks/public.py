"""The public API: what anyone may see of a shipment."""

from constructs import Construct

import contract
from stacks.alarms import public_alarms
from stacks.constructs.dashboard import Graph
from stacks.constructs.function import PythonFunction
from stacks.http_api_stack import HttpApiStack
from stacks.settings import Settings
from stacks.tracking import TrackingStack

MEMORY_MB, TIMEOUT_SECONDS = 512, 60
#: Greedy, since an HTTP API decodes %2F before it looks for the route.
SHIPMENTS = "GET /shipments/{tracking_id+}"


class PublicStack(HttpApiStack):
    """Everything of one environment that customers and web shops use; nobody signs in."""

    def __init__(self, scope: Construct, id: str, settings: Settings, *, tracking: TrackingStack) -> None:
        chosen = settings.public
        super().__init__(
            scope,
            id,
            settings,
            tracking=tracking,
            name="public",
            description="Public Tracking API",
            chosen=chosen,
            allowed_origins=chosen.allowed_origins,
        )
        table = shipments = references = None
        if chosen.access == "open":
            table, shipments = self.table(tracking.table_name), self.table(tracking.shipments_name)
            if settings.partners.enabled:  # else no tracking id is a carrier's
                references = self.table(tracking.references_name)
        function = PythonFunction(
            self,
            "function",
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

        self.api.add_routes(function, public=["$default", SHIPMENTS] if table else ["$default"])

        counts = ("Invocations", "Errors", "Throttles")
        self.watch(
            "logistics-public",
            topic=self.alarm_topic,
            alarms=public_alarms(settings, self.api, function),
            graphs=[
                [
                    Graph("Invocations", {count: function.metric(count) for count in counts}),
                    Graph("Duration", {"average": function.metric("Duration", "Average")}),
                ]
            ],
        )
        self.add_outputs(
            "output-",  # "region" is a data source
            api_gateway_url=self.api.url,
            lambda_function_name=function.name,
            lambda_function_arn=function.arn,
            api_gateway_id=self.api.id,
            cloudwatch_log_group=function.log_group_name,
            environment_suffix=settings.environment,
            lambda_role_arn=function.role.arn,
            region=self.account.region,
            memory_size=MEMORY_MB,
            timeout=TIMEOUT_SECONDS,
            runtime=function.runtime,
        )
