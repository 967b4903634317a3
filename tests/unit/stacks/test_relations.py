"""What parts of the synthesized stacks have to do with each other, and with the code that they run."""

import json
from collections.abc import Iterator
from typing import Any

from tests.metrics import Metric, metrics
from tests.synthesis import referred, resources, settings, stacks

#: Metrics of a time, with the statistics that show the worst of it or what is usual; all others are counts.
TIMES = {
    "IteratorAge": {"Maximum"},
    "Duration": {"Maximum", "Average"},
    "Latency": {"Average", "p99"},
    "DeadlineLag": {"Maximum"},
    "ApproximateAgeOfOldestMessage": {"Maximum"},
}
#: What a REST API and an HTTP API call the requests that failed through no fault of the caller.
FAILURES = {"5XXError", "5xx"}
DAY = 24 * 3600


def metric_alarms(environment: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every alarm on a metric, after its stack."""
    for stack in stacks(environment).values():
        for alarm in resources(stack, "aws_cloudwatch_metric_alarm"):
            yield stack, alarm


def evaluate(alarm: dict[str, Any], values: dict[str, float]) -> bool:
    """Whether a period in which its metrics have `values`, by their names, is above the threshold."""
    (expression,) = (query["expression"] for query in alarm["metric_query"] if query["return_data"])
    names = {metric.id: values[metric.name] for metric in metrics(alarm)}
    functions = {"IF": lambda test, then, other: then if test else other}
    result = eval(expression, functions | names)
    return bool(result > alarm["threshold"])


def rates(environment: str) -> Iterator[list[dict[str, Any]]]:
    """The alarms on a part of all requests, together with those that have to go off with them."""
    for stack in stacks(environment).values():
        composites = resources(stack, "aws_cloudwatch_composite_alarm")
        rules = " ".join(item["alarm_rule"] for item in composites)
        found = {
            key: alarm
            for key, alarm in stack["resource"].get("aws_cloudwatch_metric_alarm", {}).items()
            if {metric.name for metric in metrics(alarm)} in ({name, "Count"} for name in FAILURES)
        }
        for composite in composites:
            yield [alarm for key, alarm in found.items() if f".{key}." in composite["alarm_rule"]]
        yield from ([alarm] for key, alarm in found.items() if f".{key}." not in rules)


def test_a_few_failures_among_few_requests_are_no_rate_and_many_are(env: str) -> None:
    kinds = {"aws_api_gateway_rest_api", "aws_apigatewayv2_api"}
    apis = [name for name, stack in stacks(env).items() if kinds & stack["resource"].keys()]
    seen = list(rates(env))
    assert len(seen) == 1 + 2 * len(apis)

    def values(failures: float, count: float) -> dict[str, float]:
        return dict.fromkeys(FAILURES, failures) | {"Count": count}

    for alarms in seen:
        for count in range(1, 100):
            found = values(1.0, float(count))
            assert not all(evaluate(alarm, found) for alarm in alarms), alarms[0]["alarm_name"]
        for alarm in alarms:
            assert evaluate(alarm, values(500.0, 1000.0))
            assert not evaluate(alarm, values(0.0, 1000.0))


def test_a_time_is_not_summed_and_a_silence_says_nothing_of_it(env: str) -> None:
    for _, alarm in metric_alarms(env):
        times: list[Metric] = [metric for metric in metrics(alarm) if metric.name in TIMES]
        for metric in times:
            assert metric.statistic in TIMES[metric.name]
        for metric in metrics(alarm):
            if metric not in times:
                assert metric.statistic == ("Maximum" if metric.namespace == "AWS/SQS" else "Sum")
        # What is started every few minutes is never silent for an hour.
        silent = alarm["alarm_name"] in {
            f"{name}-stopped-{env}" for name in ("tracking-deadlines", "webhooks-sweep")
        }
        assert alarm["treat_missing_data"] == (
            "ignore" if times else "breaching" if silent else "notBreaching"
        )


def test_thresholds_follow_from_what_they_are_a_part_of(env: str) -> None:
    budget = 100 - settings(env).monitoring.availability_goal_percent
    for stack in stacks(env).values():
        for alarm in resources(stack, "aws_cloudwatch_metric_alarm"):
            (first, *_) = metrics(alarm)
            if first.name == "Duration" and first.statistic == "Maximum":
                function = referred(stack, first.dimensions["FunctionName"])[1]
                assert alarm["threshold"] == function["timeout"] * 1000 * 0.8
            elif "-availability-" in alarm["alarm_name"]:
                # The rates of Google's SRE workbook, "Alerting on SLOs", for a long and a short window each.
                assert round(alarm["threshold"] / budget, 2) in (14.4, 6)


def test_one_api_alone_may_call_each_function(env: str) -> None:
    for stack in stacks(env).values():
        for permission in resources(stack, "aws_lambda_permission"):
            api = permission["source_arn"].removesuffix("/*/*")
            assert api.endswith(".execution_arn}")
            kind, _ = referred(stack, api)
            integration, uri = {
                "aws_api_gateway_rest_api": ("aws_api_gateway_integration", "uri"),
                "aws_apigatewayv2_api": ("aws_apigatewayv2_integration", "integration_uri"),
            }[kind]
            behind = [referred(stack, item[uri]) for item in resources(stack, integration)]
            allowed = [
                referred(stack, item["function_name"]) for item in resources(stack, "aws_lambda_permission")
            ]
            assert behind
            assert all(function in allowed for function in behind)
            assert all(function in behind for function in allowed)


def test_every_service_that_is_let_in_is_let_in_for_this_account_alone(env: str) -> None:
    found = 0
    for stack in stacks(env).values():
        for kind in ("aws_kms_key", "aws_sns_topic_policy", "aws_sqs_queue_policy", "aws_s3_bucket_policy"):
            for item in resources(stack, kind):
                for statement in json.loads(item["policy"])["Statement"]:
                    if statement["Effect"] != "Allow" or "Service" not in statement["Principal"]:
                        continue
                    found += 1
                    if kind == "aws_kms_key" and statement["Principal"]["Service"] == "events.amazonaws.com":
                        # KMS is not told for whom EventBridge asks (SNS developer guide, "Key management").
                        assert "Condition" not in statement
                        continue
                    (values,) = statement["Condition"].values()
                    ((name, value),) = values.items()
                    assert name.endswith((":SourceAccount", ":SourceArn", ":arn"))
                    ours = "${data.aws_caller_identity.account.account_id}" in value
                    assert ours or referred(stack, value)[0] == "aws_cloudwatch_event_rule"
    assert found >= 3


def test_whoever_is_asked_to_come_back_is_told_when(stack: dict[str, Any]) -> None:
    later = {"throttled", "timeout", "unavailable"}
    found = set()
    for response in resources(stack, "aws_api_gateway_gateway_response"):
        text = response["response_templates"]["application/json"]
        code = json.loads(text.replace("$context.error.messageString", '"m"'))["code"]
        if code in later:
            found.add(response["response_type"])
            seconds = response["response_parameters"]["gatewayresponse.header.Retry-After"]
            assert int(seconds.strip("'")) >= 1
    assert found == {"THROTTLED", "INTEGRATION_TIMEOUT"}


def test_one_dead_letter_sets_off_an_alarm_for_as_long_as_sqs_can_keep_it(stack: dict[str, Any]) -> None:
    """SQS API reference, SetQueueAttributes: MessageRetentionPeriod, VisibilityTimeout."""
    (alarm,) = (
        alarm
        for alarm in resources(stack, "aws_cloudwatch_metric_alarm")
        if metrics(alarm)[0].name == "ApproximateNumberOfMessagesVisible"
    )
    assert 0 <= alarm["threshold"] < 1
    queue = referred(stack, metrics(alarm)[0].dimensions["QueueName"])[1]
    assert queue["message_retention_seconds"] == 14 * DAY
    assert 0 < queue["visibility_timeout_seconds"] < DAY
    # While the alarm is on, what it is about is there.
    (expiration,) = resources(stack, "aws_s3_bucket_lifecycle_configuration")
    (rule,) = expiration["rule"]
    kept = rule["expiration"][0]["days"]
    assert kept * DAY > queue["message_retention_seconds"]
