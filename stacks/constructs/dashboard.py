"""The dashboard."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cdktf_cdktf_provider_aws.cloudwatch_dashboard import CloudwatchDashboard
from constructs import Construct

from stacks.constructs.function import PythonFunction
from stacks.constructs.queue import DeadLetterQueue
from stacks.constructs.rest_api import RestApi
from stacks.constructs.table import TrackingTable
from stacks.constructs.topic import NotificationTopic

WIDTH, HEIGHT = 8, 6  # three graphs side by side on CloudWatch's grid of 24 columns


Row = list[Any]


class Dashboard(Construct):
    """Graphs, three in a row, by their titles."""

    def __init__(
        self, scope: Construct, id: str, *, name: str, region: str, graphs: Mapping[str, Sequence[Row]]
    ) -> None:
        super().__init__(scope, id)
        widgets = [
            {
                "type": "metric",
                "x": index % 3 * WIDTH,
                "y": index // 3 * HEIGHT,
                "width": WIDTH,
                "height": HEIGHT,
                "properties": {
                    "title": title,
                    "region": region,
                    "view": "timeSeries",
                    "period": 300,
                    "metrics": metrics,
                },
            }
            for index, (title, metrics) in enumerate(graphs.items())
        ]
        dashboard = CloudwatchDashboard(
            self, "dashboard", dashboard_name=name, dashboard_body=json.dumps({"widgets": widgets})
        )
        self.name = dashboard.dashboard_name


def tracking_graphs(
    *,
    api: RestApi,
    function: PythonFunction,
    table: TrackingTable,
    notifier: PythonFunction,
    notifications: NotificationTopic,
    dead_letters: DeadLetterQueue,
) -> dict[str, list[Row]]:
    """One graph each for the API, the function and the table, and below for the way of a notification."""
    on_api = {"ApiName": api.name, "Stage": api.stage_name}
    on_function = {"FunctionName": function.name}
    on_table = {"TableName": table.name}
    on_notifier = {"FunctionName": notifier.name}
    on_topic = {"TopicName": notifications.name}
    on_queue = {"QueueName": dead_letters.name}
    return {
        "API": [
            metric("AWS/ApiGateway", "Count", "Sum", on_api),
            metric("AWS/ApiGateway", "4XXError", "Sum", on_api),
            metric("AWS/ApiGateway", "5XXError", "Sum", on_api),
        ],
        "Lambda": [
            metric("AWS/Lambda", "Invocations", "Sum", on_function),
            metric("AWS/Lambda", "Errors", "Sum", on_function),
            metric("AWS/Lambda", "Duration", "Average", on_function),
            metric("AWS/Lambda", "Throttles", "Sum", on_function),
        ],
        "DynamoDB": [
            # Counted for the account, not for a table (DynamoDB metrics and dimensions).
            metric("AWS/DynamoDB", "UserErrors", "Sum", {}),
            # Counted for each operation of a table.
            *(
                metric("AWS/DynamoDB", "SystemErrors", "Sum", on_table | {"Operation": operation})
                for operation in ("PutItem", "Query")
            ),
            metric("AWS/DynamoDB", "ConsumedReadCapacityUnits", "Sum", on_table),
            metric("AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Sum", on_table),
        ],
        "Notifier": [
            metric("AWS/Lambda", "Invocations", "Sum", on_notifier),
            metric("AWS/Lambda", "Errors", "Sum", on_notifier),
            metric("AWS/Lambda", "Throttles", "Sum", on_notifier),
            metric("AWS/Lambda", "IteratorAge", "Maximum", on_notifier),
        ],
        "Notifications": [
            metric("AWS/SNS", "NumberOfMessagesPublished", "Sum", on_topic),
            metric("AWS/SNS", "NumberOfNotificationsDelivered", "Sum", on_topic),
            metric("AWS/SNS", "NumberOfNotificationsFailed", "Sum", on_topic),
        ],
        "Dead letters": [
            metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", on_queue),
            metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", on_queue),
        ],
    }


def metric(namespace: str, name: str, statistic: str, dimensions: dict[str, str]) -> Row:
    """A row of a graph; CloudWatch takes the dimensions inside it and nowhere else."""
    pairs = [part for pair in dimensions.items() for part in pair]
    return [namespace, name, *pairs, {"stat": statistic}]
