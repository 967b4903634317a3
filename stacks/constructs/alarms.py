"""The alarms: one table, a row each."""

from collections.abc import Sequence
from typing import NamedTuple

from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm
from constructs import Construct

from stacks.constructs.deployed import DeployedTopic
from stacks.constructs.function import PythonFunction
from stacks.constructs.queue import DeadLetterQueue
from stacks.constructs.rest_api import RestApi
from stacks.constructs.topic import AlarmTopic, NotificationTopic
from stacks.settings import Settings


class Alarm(NamedTuple):
    """Goes off when the metric stays above the threshold for all of the periods."""

    name: str
    namespace: str
    metric: str
    statistic: str
    threshold: int
    periods: int
    period_seconds: int
    dimensions: dict[str, str]
    meaning: str


class Alarms(Construct):
    """CloudWatch alarms that tell `topic` when they go off and when they are over."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        topic: AlarmTopic | DeployedTopic,
        rows: Sequence[Alarm],
    ) -> None:
        super().__init__(scope, id)
        for row in rows:
            CloudwatchMetricAlarm(
                self,
                row.name,
                alarm_name=f"{row.name}-{settings.environment}",
                alarm_description=row.meaning,
                namespace=row.namespace,
                metric_name=row.metric,
                dimensions=row.dimensions,
                statistic=row.statistic,
                comparison_operator="GreaterThanThreshold",
                threshold=row.threshold,
                evaluation_periods=row.periods,
                period=row.period_seconds,
                # No requests, no data points: silence is not a fault.
                treat_missing_data="notBreaching",
                alarm_actions=[topic.arn],
                ok_actions=[topic.arn],
            )


def tracking_alarms(
    settings: Settings,
    *,
    api: RestApi,
    function: PythonFunction,
    notifier: PythonFunction,
    notifications: NotificationTopic,
    dead_letters: DeadLetterQueue,
) -> list[Alarm]:
    """The rows of the tracking stack."""
    on_api = {"ApiName": api.name, "Stage": api.stage_name}
    on_function = {"FunctionName": function.name}
    on_notifier = {"FunctionName": notifier.name}
    # fmt: off
    return [
        Alarm("tracking-api-4xx", "AWS/ApiGateway", "4XXError", "Sum",
              settings.alarm_4xx_count, 2, 300, on_api,
              "Callers send what is refused: wrong signatures, invalid updates, or too many requests."),
        Alarm("tracking-api-5xx", "AWS/ApiGateway", "5XXError", "Sum",
              settings.alarm_5xx_count, 1, 60, on_api,
              "Requests fail through no fault of the caller."),
        Alarm("tracking-api-latency", "AWS/ApiGateway", "Latency", "Average",
              settings.alarm_latency_ms, 2, 300, on_api,
              "Callers wait too long (ms)."),
        Alarm("tracking-lambda-throttle", "AWS/Lambda", "Throttles", "Sum",
              settings.alarm_throttle_count, 1, 300, on_function,
              "Lambda refuses to run the function: the account's concurrency is used up."),
        Alarm("tracking-notifier-lag", "AWS/Lambda", "IteratorAge", "Maximum",
              settings.alarm_notifier_lag_ms, 2, 300, on_notifier,
              "Notifications come late (ms): the notifier fails, or does not keep up with the table."),
        Alarm("tracking-notifier-errors", "AWS/Lambda", "Errors", "Sum",
              settings.alarm_notifier_error_count, 1, 300, on_notifier,
              "Whole batches of updates fail: DynamoDB or SNS does not answer the notifier."),
        Alarm("tracking-notifier-throttle", "AWS/Lambda", "Throttles", "Sum",
              settings.alarm_throttle_count, 1, 300, on_notifier,
              "Lambda refuses to run the notifier: the account's concurrency is used up."),
        Alarm("tracking-dead-letters", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum",
              settings.alarm_dead_letter_count, 1, 300, {"QueueName": dead_letters.name},
              "Updates could not be handled; `make redrive` within 18 hours sends them again."),
        Alarm("tracking-dead-letters-lost", "AWS/Lambda", "DestinationDeliveryFailures", "Sum",
              0, 1, 300, on_notifier,
              "Lambda could not write a dead letter: nothing else holds what the notifier's log says failed."),
        Alarm("tracking-notifications-undelivered", "AWS/SNS", "NumberOfNotificationsFailed", "Sum",
              0, 1, 300, {"TopicName": notifications.name},
              "SNS gave up on a subscriber: its queue or webhook is gone or refuses."),
    ]
    # fmt: on
