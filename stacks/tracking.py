"""The tracking API: signed updates in, the history of a shipment out."""

import json
from dataclasses import asdict

from constructs import Construct

import contract
from contract.routes import ROUTES
from stacks.alarms import Watched, tracking_alarms
from stacks.constructs.dead_letter_bucket import DeadLetterBucket
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.function import PythonFunction
from stacks.constructs.key import EncryptionKey
from stacks.constructs.parameters import Parameters
from stacks.constructs.rest_api import RestApi
from stacks.constructs.schedule import Schedule
from stacks.constructs.shards import StatusIndexShards
from stacks.constructs.stream import StreamMapping
from stacks.constructs.table import Table
from stacks.constructs.topic import AlarmTopic, NotificationTopic
from stacks.constructs.web_acl import WebAcl
from stacks.dashboard import tracking_dashboard
from stacks.gateway_responses import GATEWAY_RESPONSES
from stacks.settings import Settings
from stacks.stack import Stack

#: For a batch of a stream: SNS and DynamoDB may each take 12 s to be given up.
BATCH_TIMEOUT_SECONDS = 60
#: How often it is looked which shipments are stalled or overdue, and how long that may take: until the next time.
SWEEP_MINUTES = 5


class TrackingStack(Stack):
    """Everything of one environment that carriers, warehouses and services use, and what operators watch."""

    def __init__(self, scope: Construct, id: str, settings: Settings) -> None:
        env, chosen = settings.environment, settings.tracking
        super().__init__(scope, id, settings, state_key=f"tracking/{env}")
        #: By which other stacks of the environment know what this one makes.
        self.table_name, self.key_name = f"tracking-data-{env}", f"tracking-{env}"
        self.shipments_name, self.references_name = f"tracking-shipments-{env}", f"tracking-references-{env}"
        self.alarm_topic_name = f"tracking-alarms-{env}"
        self.notification_topic_name = f"tracking-notifications-{env}"

        key = EncryptionKey(self, "key", name=self.key_name, account=self.account)
        self.set_environment(
            key=key if settings.deployment.customer_managed_key else None,
            log_retention_days=chosen.log_retention_days,
        )
        dead_letters = DeadLetterQueue(self, "dead-letters", name="tracking-lambda-dlq")
        # One item an update: a shipment's history under its id, ordered by event time (ms since the epoch).
        updates = Table(
            self,
            "table",
            name="tracking-data",
            keys={"tracking_id": "S", "timestamp": "N"},
            index_time="timestamp",
            stream=True,
        )
        # One item a shipment: its record, which the projector makes of the updates.
        shipments = Table(
            self,
            "shipments",
            name="tracking-shipments",
            keys={"tracking_id": "S"},
            index_time=contract.STATUS_SINCE,
            sparse=(contract.DUE_INDEX, contract.STALLED_INDEX, contract.OVERDUE_INDEX),
            stream=True,
        )
        # One item a reference of a shipment, such as the number of an order.
        references = Table(
            self, "references", name="tracking-references", keys={"reference": "S", "tracking_id": "S"}
        )
        # When a request with an Idempotency-Key was first seen, for a day. A table of its own, so that nothing of it
        # can show in a history, an index or a stream.
        idempotency = Table(
            self,
            "idempotency",
            name="tracking-idempotency",
            keys={"id": "S"},
            ttl="expiration",
            protected=False,
        )
        parameters = Parameters(
            self,
            "parameters",
            table_name=updates.name,
            timeout_seconds=chosen.timeout_seconds,
            rate_limit=chosen.rate_limit,
            flags=asdict(settings.flags),
        )
        shards = StatusIndexShards(self, "shards", wanted=chosen.status_index_shards)
        function = PythonFunction(
            self,
            "processor",
            name="tracking-processor",
            role_name="tracking-lambda-role",
            service="tracking-api",
            package="tracking",
            memory_mb=chosen.memory_mb,
            timeout_seconds=chosen.timeout_seconds,
            variables={
                contract.TABLE_NAME: updates.name,
                contract.SHIPMENTS_TABLE: shipments.name,
                contract.REFERENCES_TABLE: references.name,
                contract.IDEMPOTENCY_TABLE: idempotency.name,
                contract.CONFIG_PARAM: parameters.config_name,
                contract.DB_PARAM: parameters.endpoint_name,
                contract.FEATURE_FLAGS_PARAM: parameters.flags_name,
                contract.STATUS_INDEX_SHARDS: shards.written,
                contract.STATUS_INDEX_SHARDS_READ: shards.read,
            },
            dead_letters=dead_letters,
            reserved_concurrency=chosen.reserved_concurrency,
        )
        updates.grant(function.role, "PutItem", "Query")
        updates.grant_indexes(function.role, contract.STATUS_INDEX)
        shipments.grant(function.role, "GetItem", "BatchGetItem")
        shipments.grant_indexes(
            function.role, contract.STATUS_INDEX, contract.STALLED_INDEX.name, contract.OVERDUE_INDEX.name
        )
        references.grant(function.role, "Query")
        idempotency.grant(function.role, "PutItem")
        parameters.grant_read(function.role)
        shards.remember_once_read_by(function)

        api = RestApi(
            self,
            "api",
            name="tracking-api",
            description="Logistics Tracking API",
            function=function,
            validator_name="tracking-validator",
            routes=ROUTES,
            gateway_responses=GATEWAY_RESPONSES,
            rate_limit=chosen.rate_limit,
            burst_limit=chosen.burst_limit,
        )
        if chosen.web_acl:
            WebAcl(self, "web-acl", name="tracking", stage_arn=api.stage_arn, rate_limit=chosen.rate_limit)

        # By which whoever writes a record arms it.
        records = {
            contract.TABLE_NAME: updates.name,
            contract.SHIPMENTS_TABLE: shipments.name,
            contract.REFERENCES_TABLE: references.name,
            contract.STATUS_INDEX_SHARDS: shards.written,
            contract.STALLED_AFTER_HOURS: json.dumps(dict(settings.shipments.stalled_after_hours)),
        }
        projector = PythonFunction(
            self,
            "projector",
            package="projector",
            memory_mb=chosen.memory_mb,
            timeout_seconds=BATCH_TIMEOUT_SECONDS,
            variables=records,
        )
        updates.grant(projector.role, "Query")
        shipments.grant(projector.role, "GetItem", "PutItem")
        references.grant(projector.role, "PutItem")
        deadlines = PythonFunction(
            self,
            "deadlines",
            package="deadlines",
            memory_mb=chosen.memory_mb,
            timeout_seconds=SWEEP_MINUTES * 60,
            variables={**records, contract.STATUS_INDEX_SHARDS_READ: shards.read},
        )
        shipments.grant_indexes(deadlines.role, contract.DUE_INDEX.name)
        shipments.grant(deadlines.role, "GetItem", "PutItem")
        Schedule(
            self,
            "schedule",
            name="tracking-deadlines",
            role_name="tracking-schedule-role",
            function=deadlines,
            minutes=SWEEP_MINUTES,
        )

        notifications = NotificationTopic(
            self,
            "notifications",
            name=self.notification_topic_name,
            key=key,
            emails=settings.notifications.emails,
        )
        notifier = PythonFunction(
            self,
            "notifier",
            package="notifier",
            memory_mb=chosen.memory_mb,
            timeout_seconds=BATCH_TIMEOUT_SECONDS,
            variables={
                contract.FEATURE_FLAGS_PARAM: parameters.flags_name,
                contract.TOPIC_ARN: notifications.arn,
            },
        )
        parameters.grant_read_flags(notifier.role)
        notifications.grant_publish(notifier.role)
        failed_records = DeadLetterBucket(self, "failed-records", queue=dead_letters)
        StreamMapping(
            self,
            "updates-stream",
            table=updates,
            events=contract.UPDATES_EVENTS,
            function=projector,
            dead_letters=failed_records,
        )
        StreamMapping(
            self,
            "shipments-stream",
            table=shipments,
            events=contract.SHIPMENTS_EVENTS,
            function=notifier,
            dead_letters=failed_records,
        )

        topic = AlarmTopic(
            self, "alarm-topic", name=self.alarm_topic_name, key=key, emails=settings.monitoring.emails
        )
        watched = Watched(
            api=api,
            function=function,
            updates=updates,
            shipments=shipments,
            references=references,
            idempotency=idempotency,
            projector=projector,
            deadlines=deadlines,
            notifier=notifier,
            notifications=notifications,
            dead_letters=dead_letters,
        )
        dashboard = self.watch(
            "logistics-tracking",
            topic=topic,
            alarms=tracking_alarms(settings, watched),
            graphs=tracking_dashboard(watched),
        )
        self.add_outputs(
            api_endpoint=api.invoke_url,
            table_name=updates.name,
            lambda_function_name=function.name,
            dlq_url=dead_letters.url,
            notification_topic_arn=notifications.arn,
            dashboard_url=(
                f"https://{self.account.region}.console.aws.amazon.com/cloudwatch/home"
                f"?region={self.account.region}#dashboards:name={dashboard.name}"
            ),
        )
