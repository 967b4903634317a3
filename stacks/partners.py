"""The partners' API: for carriers, aggregators and shops that have no AWS account."""

from constructs import Construct

from stacks.alarms import partners_alarms
from stacks.constructs.dashboard import Graph
from stacks.constructs.references import TopicReference
from stacks.http_api_stack import HttpApiStack
from stacks.partners_inbound import Inbound
from stacks.partners_webhooks import Webhooks
from stacks.settings import Settings
from stacks.tracking import TrackingStack


class PartnersStack(HttpApiStack):
    """Everything of one environment that partners use."""

    def __init__(self, scope: Construct, id: str, settings: Settings, *, tracking: TrackingStack) -> None:
        super().__init__(
            scope,
            id,
            settings,
            tracking=tracking,
            name="partners",
            description="Partners' Tracking API",
            chosen=settings.partners,
        )
        inbound = Inbound(
            self, "inbound", settings=settings, api=self.api, updates=self.table(tracking.table_name)
        )
        notifications = TopicReference(tracking.notification_topic_name, self.account)
        webhooks = Webhooks(
            self,
            "webhooks",
            api=self.api,
            notifications=notifications,
            reserved_concurrency=settings.partners.webhooks_reserved_concurrency,
        )

        api = self.api
        self.watch(
            "logistics-partners",
            topic=self.alarm_topic,
            alarms=[*partners_alarms(settings, api), *inbound.alarms(), *webhooks.alarms()],
            graphs=[
                [
                    Graph("Requests", {count: api.metric(count) for count in ("Count", "4xx", "5xx")}),
                    Graph("Latency (ms)", {name: api.metric("Latency", name) for name in ("Average", "p99")}),
                ],
                *inbound.graphs(),
                *webhooks.graphs(),
            ],
        )
        self.add_outputs(partners_endpoint=api.url, quarantine_bucket=inbound.bucket.name)
