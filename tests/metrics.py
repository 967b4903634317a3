"""Which metrics there are, and with which dimensions: what a wrong alarm or graph would wait for in vain."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import contract
from tests.synthesis import grants, referred, resources

#: From each service's page "CloudWatch metrics": the metrics, and the dimensions that they are emitted with.
DOCUMENTED = {
    ("AWS/ApiGateway", frozenset({"ApiName", "Stage"})): {"4XXError", "5XXError", "Count", "Latency"},
    ("AWS/ApiGateway", frozenset({"ApiId", "Stage"})): {"4xx", "5xx", "Count", "Latency"},
    ("AWS/Lambda", frozenset({"FunctionName"})): {
        "DestinationDeliveryFailures",
        "Duration",
        "Errors",
        "Invocations",
        "IteratorAge",
        "Throttles",
    },
    ("AWS/DynamoDB", frozenset()): {"UserErrors"},
    ("AWS/DynamoDB", frozenset({"TableName"})): {
        "ConsumedReadCapacityUnits",
        "ConsumedWriteCapacityUnits",
        "ReadThrottleEvents",
        "WriteThrottleEvents",
    },
    ("AWS/DynamoDB", frozenset({"TableName", "GlobalSecondaryIndexName"})): {
        "ConsumedReadCapacityUnits",
        "ConsumedWriteCapacityUnits",
        "ReadThrottleEvents",
        "WriteThrottleEvents",
    },
    ("AWS/DynamoDB", frozenset({"TableName", "Operation"})): {"SystemErrors"},
    ("AWS/SQS", frozenset({"QueueName"})): {
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesVisible",
    },
    ("AWS/SNS", frozenset({"TopicName"})): {
        "NumberOfMessagesPublished",
        "NumberOfNotificationsDelivered",
        "NumberOfNotificationsFailed",
    },
    ("AWS/Events", frozenset({"RuleName"})): {"FailedInvocations"},
}

#: The resource and the attribute of it that a dimension names.
NAMES = {
    "ApiName": ("aws_api_gateway_rest_api", "name"),
    "ApiId": ("aws_apigatewayv2_api", "id"),
    "FunctionName": ("aws_lambda_function", "function_name"),
    "TableName": ("aws_dynamodb_table", "name"),
    "QueueName": ("aws_sqs_queue", "name"),
    "TopicName": ("aws_sns_topic", "name"),
    "RuleName": ("aws_cloudwatch_event_rule", "name"),
}
#: The same of the dimension Stage, by the one beside it; and the attribute that names the API.
STAGES = {
    "ApiName": ("aws_api_gateway_stage", "stage_name", "rest_api_id"),
    "ApiId": ("aws_apigatewayv2_stage", "name", "api_id"),
}


class Metric(NamedTuple):
    """What an alarm reads; `id` is empty where there is no metric math."""

    id: str
    namespace: str
    name: str
    statistic: str
    dimensions: dict[str, str]
    period: int


def metrics(alarm: dict[str, Any]) -> list[Metric]:
    """Everything that an alarm reads."""
    if "metric_name" in alarm:
        statistic = alarm.get("statistic") or alarm["extended_statistic"]
        of = (alarm["namespace"], alarm["metric_name"], statistic, alarm["dimensions"], alarm["period"])
        return [Metric("", *of)]
    return [
        Metric(
            query["id"],
            *(query["metric"][name] for name in ("namespace", "metric_name", "stat", "dimensions", "period")),
        )
        for query in alarm["metric_query"]
        if "metric" in query
    ]


def check_metric(stack: dict[str, Any], namespace: str, name: str, dimensions: Mapping[str, str]) -> None:
    """Fails unless something in `stack` emits the metric; for the functions' own, see test_metrics.py."""
    if not namespace.startswith("AWS/"):
        assert dimensions in [_own_dimensions(item) for item in _own_sources(stack, namespace)]
        return
    assert name in DOCUMENTED[namespace, frozenset(dimensions)]
    for dimension in dimensions.keys() & NAMES.keys():
        kind, attribute = NAMES[dimension]
        assert referred(stack, dimensions[dimension])[0] == kind
        assert dimensions[dimension].endswith(f".{attribute}}}")
    for dimension in dimensions.keys() & STAGES.keys():
        kind, attribute, owner = STAGES[dimension]
        found, stage = referred(stack, dimensions["Stage"])
        assert found == kind
        assert dimensions["Stage"].endswith(f".{attribute}}}")
        assert referred(stack, stage[owner])[1] == referred(stack, dimensions[dimension])[1]
    if "TableName" in dimensions:
        table = referred(stack, dimensions["TableName"])[1]
        if index := dimensions.get("GlobalSecondaryIndexName"):
            assert index in [item["name"] for item in table["global_secondary_index"]]
        if operation := dimensions.get("Operation"):
            assert operation in operations(stack, table["name"])


def operations(stack: dict[str, Any], table: str) -> set[str]:
    """What the functions may call on a table, reading its stream apart."""
    return {
        action.removeprefix("dynamodb:")
        for role in resources(stack, "aws_iam_role")
        for action, kind, name in grants(stack, role["name"])
        if kind == "aws_dynamodb_table" and name == table
    }


def _own_sources(stack: Mapping[str, Any], namespace: str) -> Iterator[dict[str, str]]:
    for function in resources(stack, "aws_lambda_function"):
        variables = function["environment"]["variables"]
        if variables.get(contract.METRICS_NAMESPACE) == namespace:
            yield variables


def _own_dimensions(variables: Mapping[str, str]) -> dict[str, str]:
    return {"service": variables[contract.SERVICE_NAME], "environment": variables[contract.ENVIRONMENT]}
