"""The tracking API: signed updates in, the history of a shipment out."""

from cdktf import TerraformOutput, TerraformStack
from constructs import Construct

import contract
from stacks.alarms import Watched, tracking_alarms
from stacks.constructs.alarms import Alarms
from stacks.constructs.dashboard import Dashboard
from stacks.constructs.dead_letter_bucket import DeadLetterBucket
from stacks.constructs.function import PythonFunction
from stacks.constructs.key import EncryptionKey
from stacks.constructs.parameters import Parameters
from stacks.constructs.queue import DeadLetterQueue
from stacks.constructs.rest_api import RestApi
from stacks.constructs.shards import StatusIndexShards
from stacks.constructs.stream import StreamMapping
from stacks.constructs.table import IdempotencyTable, TrackingTable
from stacks.constructs.topic import AlarmTopic, NotificationTopic
from stacks.constructs.web_acl import WebAcl
from stacks.dashboard import tracking_dashboard
from stacks.foundation import lay_foundation
from stacks.package import build
from stacks.routes import GATEWAY_RESPONSES, ROUTES
from stacks.settings import Settings

#: For a batch of the stream: SNS and DynamoDB may each take 12 s to be given up.
NOTIFIER_TIMEOUT_SECONDS = 60


class TrackingStack(TerraformStack):
    """Everything of one environment that carriers, warehouses and services use, and what operators watch."""

    def __init__(self, scope: Construct, id: str, settings: Settings) -> None:
        super().__init__(scope, id)
        env = settings.environment
        #: By which other stacks of the environment know what this one makes.
        self.table_name, self.key_name = f"tracking-data-{env}", f"tracking-{env}"
        self.alarm_topic_name = f"tracking-alarms-{env}"
        account = lay_foundation(self, settings, tags=settings.tags, state_key=f"tracking/{env}")

        key = EncryptionKey(self, "key", name=self.key_name, account=account)
        data_key = key if settings.customer_managed_key else None

        dead_letters = DeadLetterQueue(self, "dead-letters", name=f"tracking-lambda-dlq-{env}", key=data_key)
        table = TrackingTable(
            self,
            "table",
            name=self.table_name,
            key=data_key,
            protect_from_deletion=settings.protect_from_deletion,
        )
        idempotency = IdempotencyTable(self, "idempotency", name=f"tracking-idempotency-{env}", key=data_key)
        parameters = Parameters(
            self,
            "parameters",
            environment=env,
            table_name=table.name,
            timeout_seconds=settings.timeout_seconds,
            rate_limit=settings.rate_limit,
            flags={
                "enhanced_tracking": settings.enhanced_tracking,
                "batch_processing": settings.batch_processing,
                "real_time_notifications": settings.real_time_notifications,
            },
            key=data_key,
        )
        shards = StatusIndexShards(self, "shards", environment=env, wanted=settings.status_index_shards)
        function = PythonFunction(
            self,
            "processor",
            name=f"tracking-processor-{env}",
            role_name=f"tracking-lambda-role-{env}{settings.region_suffix}",
            handler="tracking.handler.handler",
            package=build("tracking"),
            memory_mb=settings.memory_mb,
            timeout_seconds=settings.timeout_seconds,
            environment={
                "TABLE_NAME": table.name,
                "IDEMPOTENCY_TABLE": idempotency.name,
                "ENVIRONMENT": env,
                "REGION": account.region,
                "POWERTOOLS_SERVICE_NAME": "tracking-api",
                "POWERTOOLS_METRICS_NAMESPACE": "LogisticsTracking",
                "LOG_LEVEL": "INFO",
                "CONFIG_PARAM": parameters.config_name,
                "DB_PARAM": parameters.endpoint_name,
                "FEATURE_FLAGS_PARAM": parameters.flags_name,
                contract.STATUS_INDEX_SHARDS: shards.written,
                contract.STATUS_INDEX_SHARDS_READ: shards.read,
            },
            dead_letters=dead_letters,
            log_retention_days=settings.log_retention_days,
            key=data_key,
            protect_from_deletion=settings.protect_from_deletion,
        )
        table.grant_read(function.role)
        table.grant_write(function.role)
        idempotency.grant_use(function.role)
        parameters.grant_read(function.role)
        shards.remember_once_read_by(function)

        api = RestApi(
            self,
            "api",
            name=f"tracking-api-{env}",
            description="Logistics Tracking API",
            stage_name=env,
            function=function,
            validator_name="tracking-validator",
            routes=ROUTES,
            gateway_responses=GATEWAY_RESPONSES,
            rate_limit=settings.rate_limit,
            burst_limit=settings.burst_limit,
            log_retention_days=settings.log_retention_days,
            key=data_key,
            protect_from_deletion=settings.protect_from_deletion,
        )

        if settings.web_acl:
            WebAcl(
                self,
                "web-acl",
                name=f"tracking-{env}",
                stage_arn=api.stage_arn,
                rate_limit=settings.rate_limit,
                log_retention_days=settings.log_retention_days,
                key=data_key,
                protect_from_deletion=settings.protect_from_deletion,
            )

        notifications = NotificationTopic(
            self,
            "notifications",
            name=f"tracking-notifications-{env}",
            key=key,
            emails=settings.notification_emails,
        )
        notifier = PythonFunction(
            self,
            "notifier",
            name=f"tracking-notifier-{env}",
            role_name=f"tracking-notifier-role-{env}{settings.region_suffix}",
            handler="notifier.handler.handler",
            package=build("notifier"),
            memory_mb=settings.memory_mb,
            timeout_seconds=NOTIFIER_TIMEOUT_SECONDS,
            environment={
                "TABLE_NAME": table.name,
                "ENVIRONMENT": env,
                "REGION": account.region,
                "POWERTOOLS_SERVICE_NAME": "tracking-notifier",
                "POWERTOOLS_METRICS_NAMESPACE": "LogisticsTracking",
                "LOG_LEVEL": "INFO",
                "FEATURE_FLAGS_PARAM": parameters.flags_name,
                "TOPIC_ARN": notifications.arn,
            },
            dead_letters=None,
            log_retention_days=settings.log_retention_days,
            key=data_key,
            protect_from_deletion=settings.protect_from_deletion,
        )
        table.grant_read_history(notifier.role)
        parameters.grant_read_flags(notifier.role)
        notifications.grant_publish(notifier.role)
        failed_records = DeadLetterBucket(
            self,
            "failed-records",
            environment=env,
            account=account,
            key=data_key,
            queue=dead_letters,
            # An emulator on this machine speaks plain HTTP.
            tls_only=not settings.emulated,
            force_destroy=not settings.protect_from_deletion,
        )
        StreamMapping(self, "stream", table=table, function=notifier, dead_letters=failed_records)

        topic = AlarmTopic(
            self,
            "alarm-topic",
            name=self.alarm_topic_name,
            key=key,
            emails=settings.alarm_emails,
            account=account,
        )
        watched = Watched(api, function, table, idempotency, notifier, notifications, dead_letters)
        alarms = Alarms(
            self, "alarms", settings=settings, topic=topic, rows=tracking_alarms(settings, watched)
        )
        dashboard = Dashboard(
            self,
            "dashboard",
            name=f"logistics-tracking-{env}{settings.region_suffix}",
            region=account.region,
            rows=tracking_dashboard(watched, alarms=alarms.arns),
        )

        outputs = {
            "api_endpoint": api.invoke_url,
            "table_name": table.name,
            "lambda_function_name": function.name,
            "dlq_url": dead_letters.url,
            "notification_topic_arn": notifications.arn,
            "dashboard_url": (
                f"https://{account.region}.console.aws.amazon.com/cloudwatch/home"
                f"?region={account.region}#dashboards:name={dashboard.name}"
            ),
        }
        for name, value in outputs.items():
            TerraformOutput(self, name, value=value)
