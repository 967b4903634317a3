"""The partners' API: for carriers, aggregators and shops that have no AWS account."""

from cdktf import TerraformOutput
from constructs import Construct

from stacks.alarms import partners_alarms
from stacks.constructs.alarms import Alarms
from stacks.constructs.dashboard import AlarmStatus, Dashboard, Graph
from stacks.constructs.http_api import HttpApi
from stacks.constructs.key import EncryptionKey
from stacks.constructs.references import KeyReference, TableReference, TopicReference
from stacks.partners_inbound import Inbound
from stacks.partners_webhooks import Webhooks
from stacks.settings import Settings
from stacks.stack import Stack
from stacks.tracking import TrackingStack


class PartnersStack(Stack):
    """Everything of one environment that partners use.

    It knows what `tracking` makes by names alone, and has a key of its own under a customer-managed key, as the public
    stack does and says why.
    """

    def __init__(self, scope: Construct, id: str, settings: Settings, *, tracking: TrackingStack) -> None:
        env, chosen = settings.environment, settings.partners
        super().__init__(scope, id, settings, state_key=f"partners/{env}")
        self.add_dependency(tracking)

        key = tracking_key = None
        if settings.deployment.customer_managed_key:
            key = EncryptionKey(self, "key", name=f"tracking-partners-{env}", account=self.account)
            tracking_key = KeyReference(tracking.key_name, self.account)
        environment = self.environment(key=key, log_retention_days=chosen.log_retention_days)
        api = HttpApi(
            self,
            "api",
            environment=environment,
            name="tracking-partners",
            description="Partners' Tracking API",
            rate_limit=chosen.rate_limit,
            burst_limit=chosen.burst_limit,
        )
        inbound = Inbound(
            self,
            "inbound",
            settings=settings,
            environment=environment,
            api=api,
            updates=TableReference(tracking.table_name, self.account, tracking_key),
        )

        webhooks = Webhooks(
            self,
            "webhooks",
            environment=environment,
            api=api,
            notifications=TopicReference(tracking.notification_topic_name, self.account),
            reserved_concurrency=chosen.webhooks_reserved_concurrency,
            emulated=settings.emulated,
        )

        topic = TopicReference(tracking.alarm_topic_name, self.account)
        rows = [*partners_alarms(settings, api), *inbound.alarms(), *webhooks.alarms()]
        alarms = Alarms(self, "alarms", settings=settings, topic=topic, rows=rows)
        self.alarm_names = alarms.names
        Dashboard(
            self,
            "dashboard",
            name=f"logistics-partners-{env}{settings.region_suffix}",
            region=self.account.region,
            rows=[
                [AlarmStatus("Alarms", alarms.arns)],
                [
                    Graph("Requests", {count: api.metric(count) for count in ("Count", "4xx", "5xx")}),
                    Graph("Latency (ms)", {name: api.metric("Latency", name) for name in ("Average", "p99")}),
                ],
                *inbound.graphs(),
                *webhooks.graphs(),
            ],
        )
        outputs = {"partners_endpoint": api.url, "quarantine_bucket": inbound.bucket.name}
        for name, value in outputs.items():
            TerraformOutput(self, name, value=value)
