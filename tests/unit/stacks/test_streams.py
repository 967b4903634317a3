"""What has to hold of the functions behind streams, most of all what only AWS would refuse or lose."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import contract
from main import ROOT
from stacks.settings import SettingsError, load_settings
from stacks.settings_schema import settings as schemas
from tests.synthesis import (
    every_grant,
    grants,
    referred,
    resource,
    resources,
    settings,
    synthesize,
    write_settings,
)


class Mapped(NamedTuple):
    """A function that a table's stream is mapped to; ARNs of its grants are without the environment."""

    table: str
    events: list[str]
    variables: dict[str, str]
    """Types of what its environment variables name."""
    grants: set[tuple[str, str, str]]


FUNCTIONS = {
    "projector": Mapped(
        "tracking-data",
        ["INSERT"],
        dict.fromkeys(
            (contract.TABLE_NAME, contract.SHIPMENTS_TABLE, contract.REFERENCES_TABLE), "aws_dynamodb_table"
        ),
        {
            ("dynamodb:Query", "aws_dynamodb_table", "tracking-data-{env}"),
            ("dynamodb:GetItem", "aws_dynamodb_table", "tracking-shipments-{env}"),
            ("dynamodb:PutItem", "aws_dynamodb_table", "tracking-shipments-{env}"),
            ("dynamodb:PutItem", "aws_dynamodb_table", "tracking-references-{env}"),
        },
    ),
    "notifier": Mapped(
        "tracking-shipments",
        ["INSERT", "MODIFY"],
        {contract.TOPIC_ARN: "aws_sns_topic", contract.FEATURE_FLAGS_PARAM: "aws_ssm_parameter"},
        {
            ("ssm:GetParameters", "aws_ssm_parameter", "/logistics/features/{env}/flags"),
            ("sns:Publish", "aws_sns_topic", "tracking-notifications-{env}"),
            ("kms:Decrypt", "aws_kms_key", "Encrypts what tracking-{env} stores and sends"),
            ("kms:GenerateDataKey*", "aws_kms_key", "Encrypts what tracking-{env} stores and sends"),
        },
    ),
}


@pytest.fixture(params=FUNCTIONS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def function(stack: dict[str, Any], env: str, name: str) -> dict[str, Any]:
    return resource(stack, "aws_lambda_function", function_name=f"tracking-{name}-{env}")


@pytest.fixture
def mapping(stack: dict[str, Any], function: dict[str, Any]) -> dict[str, Any]:
    (found,) = (
        mapping
        for mapping in resources(stack, "aws_lambda_event_source_mapping")
        if referred(stack, mapping["function_name"])[1] == function
    )
    return found


def test_a_function_may_do_what_it_does_and_no_more(stack: dict[str, Any], env: str, name: str) -> None:
    table, _, _, own = FUNCTIONS[name]
    stream = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    expected = every_grant(stack, name, env)
    expected |= {(action, kind, called.format(env=env)) for action, kind, called in own} | {
        *((f"dynamodb:{action}", "aws_dynamodb_table", f"{table}-{env}/stream/*") for action in stream),
        ("s3:PutObject", "aws_s3_bucket", "/*"),
        ("s3:ListBucket", "aws_s3_bucket", ""),
    }
    assert grants(stack, f"tracking-{name}-role-{env}") == expected


def test_the_stream_of_its_table_feeds_a_function(
    stack: dict[str, Any], env: str, name: str, mapping: dict[str, Any]
) -> None:
    kind, table = referred(stack, mapping["event_source_arn"])
    assert mapping["event_source_arn"].endswith(".stream_arn}")
    assert (kind, table["name"]) == ("aws_dynamodb_table", f"{FUNCTIONS[name].table}-{env}")
    assert table["stream_view_type"] == "NEW_AND_OLD_IMAGES"
    assert mapping.get("enabled", True) is True
    pattern = json.loads(mapping["filter_criteria"]["filter"][0]["pattern"])
    assert pattern == {"eventName": FUNCTIONS[name].events}


def test_what_has_to_come_in_order_is_one_item(stack: dict[str, Any], env: str) -> None:
    """Lambda keeps the order of an item's records (developer guide, "ParallelizationFactor")."""
    table = resource(stack, "aws_dynamodb_table", name=f"tracking-shipments-{env}")
    assert (table["hash_key"], table.get("range_key")) == ("tracking_id", None)


def test_a_record_that_fails_is_bounded_in_tries_and_time_and_leaves_a_dead_letter(
    stack: dict[str, Any], env: str, mapping: dict[str, Any]
) -> None:
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert mapping["bisect_batch_on_function_error"] is True
    assert 1 <= mapping["maximum_retry_attempts"] <= 100
    assert 60 <= mapping["maximum_record_age_in_seconds"] <= 24 * 3600, "the stream forgets"
    kind, bucket = referred(stack, mapping["destination_config"]["on_failure"]["destination_arn"])
    # Nothing else holds the records, as it does of a queue or a topic.
    assert kind == "aws_s3_bucket"
    assert bucket["bucket"].startswith(f"tracking-dlq-{env}-")


def test_the_records_of_a_dead_letter_are_kept_for_longer_than_the_queue_tells_of_it(
    stack: dict[str, Any], env: str
) -> None:
    queue = resource(stack, "aws_sqs_queue", name=f"tracking-lambda-dlq-{env}")
    (rule,) = resource(stack, "aws_s3_bucket_lifecycle_configuration")["rule"]
    assert rule["status"] == "Enabled"
    assert rule["expiration"][0]["days"] * 24 * 3600 > queue["message_retention_seconds"]


def test_the_queue_is_told_of_each_dead_letter_and_of_nothing_else(stack: dict[str, Any], env: str) -> None:
    bucket = resource(stack, "aws_s3_bucket")
    notification = resource(stack, "aws_s3_bucket_notification")
    assert referred(stack, notification["bucket"])[1] == bucket
    assert notification["eventbridge"] is True
    rule = resource(stack, "aws_cloudwatch_event_rule")
    pattern = json.loads(rule["event_pattern"])
    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert referred(stack, pattern["detail"]["bucket"]["name"][0])[1] == bucket
    target = resource(stack, "aws_cloudwatch_event_target")
    assert referred(stack, target["rule"])[1] == rule
    queue = resource(stack, "aws_sqs_queue", name=f"tracking-lambda-dlq-{env}")
    assert referred(stack, target["arn"])[1] == queue
    policy = json.loads(resource(stack, "aws_sqs_queue_policy")["policy"])["Statement"]
    (allowed,) = (statement for statement in policy if statement["Effect"] == "Allow")
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert referred(stack, allowed["Condition"]["ArnEquals"]["aws:SourceArn"])[1] == rule
    key = json.loads(resource(stack, "aws_kms_key")["policy"])["Statement"]
    events = [item for item in key if item["Principal"].get("Service") == "events.amazonaws.com"]
    # With a condition on the source, KMS refuses EventBridge.
    assert [("Condition" in item) for item in events] == ([False] if env == "prod" else [])


def test_the_bucket_of_dead_letters_is_private_encrypted_and_reached_over_tls_alone(
    stack: dict[str, Any], env: str
) -> None:
    private = resource(stack, "aws_s3_bucket_public_access_block")
    for name in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"):
        assert private[name] is True
    (rule,) = resource(stack, "aws_s3_bucket_server_side_encryption_configuration")["rule"]
    default = rule["apply_server_side_encryption_by_default"]
    if env == "prod":
        assert default["sse_algorithm"] == "aws:kms"
        assert referred(stack, default["kms_master_key_id"])[0] == "aws_kms_key"
    else:
        assert default == {"sse_algorithm": "AES256"}
    (refusal,) = json.loads(resource(stack, "aws_s3_bucket_policy")["policy"])["Statement"]
    assert (refusal["Effect"], refusal["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_no_record_is_missed_while_the_mapping_is_made_and_each_key_keeps_its_order(
    mapping: dict[str, Any],
) -> None:
    assert mapping["starting_position"] == "TRIM_HORIZON"
    assert 1 <= mapping["parallelization_factor"] <= 10
    assert 1 <= mapping["batch_size"] <= 10_000
    assert 0 <= mapping["maximum_batching_window_in_seconds"] <= 5


def test_the_topic_is_encrypted_with_a_key_that_the_notifier_may_use(stack: dict[str, Any], env: str) -> None:
    topic = resource(stack, "aws_sns_topic", name=f"tracking-notifications-{env}")
    assert referred(stack, topic["kms_master_key_id"])[0] == "aws_kms_key"
    assert not topic.get("fifo_topic"), "a FIFO topic takes no e-mail addresses"


def test_a_function_finds_what_it_reads(stack: dict[str, Any], function: dict[str, Any], name: str) -> None:
    variables = function["environment"]["variables"]
    for variable, kind in FUNCTIONS[name].variables.items():
        assert referred(stack, variables[variable])[0] == kind
    assert variables[contract.REGION]
    module, _, called = function["handler"].rpartition(".")
    source = ROOT / "lambda" / f"{module.replace('.', '/')}.py"
    assert f"def {called}(" in source.read_text("utf-8")
    assert "dead_letter_config" not in function, "nobody invokes it asynchronously"


@pytest.mark.parametrize(
    ("alarm_name", "metric", "dimension"),
    [
        *(
            (f"tracking-{name}-{what}", metric, "FunctionName")
            for name in FUNCTIONS
            for what, metric in (("lag", "IteratorAge"), ("errors", "Errors"), ("throttle", "Throttles"))
        ),
        ("tracking-dead-letters", "ApproximateNumberOfMessagesVisible", "QueueName"),
        ("tracking-notifications-undelivered", "NumberOfNotificationsFailed", "TopicName"),
    ],
)
def test_each_way_to_lose_a_notification_has_an_alarm(
    stack: dict[str, Any], env: str, alarm_name: str, metric: str, dimension: str
) -> None:
    alarm = resource(stack, "aws_cloudwatch_metric_alarm", alarm_name=f"{alarm_name}-{env}")
    assert alarm["metric_name"] == metric
    assert list(alarm["dimensions"]) == [dimension]
    if dimension == "FunctionName":
        function = referred(stack, alarm["dimensions"][dimension])[1]["function_name"]
        assert alarm_name.startswith(function.removesuffix(f"-{env}"))


def test_a_dead_letter_that_was_not_written_or_not_announced_has_an_alarm(
    stack: dict[str, Any], env: str
) -> None:
    alarm = resource(stack, "aws_cloudwatch_metric_alarm", alarm_name=f"tracking-dead-letters-lost-{env}")
    names = {query["metric"]["metric_name"] for query in alarm["metric_query"] if "metric" in query}
    assert names == {"DestinationDeliveryFailures", "FailedInvocations"}


def test_addresses_are_told_of_the_statuses_that_they_want() -> None:
    wanted = {"all@example.com": [], "bad-news@example.com": ["failed", "pending"]}
    stack = synthesize(settings("dev", notifications={"emails": wanted}))["tracking-dev"]
    for subscription in resources(stack, "aws_sns_topic_subscription"):
        assert subscription["protocol"] == "email"
        assert referred(stack, subscription["topic_arn"])[1]["name"] == "tracking-notifications-dev"
    everything = resource(stack, "aws_sns_topic_subscription", endpoint="all@example.com")
    assert "filter_policy" not in everything
    some = resource(stack, "aws_sns_topic_subscription", endpoint="bad-news@example.com")
    assert json.loads(some["filter_policy"]) == {
        "event": ["status_changed"],
        "status": ["failed", "pending"],
    }


@pytest.mark.parametrize(
    "wrong", [["a@example.com"], {"a": []}, {"a@example.com": "failed"}, {"a@b.c": ["lost"]}]
)
def test_wrong_addresses_and_statuses_are_named_with_what_they_may_be(tmp_path: Path, wrong: object) -> None:
    path = write_settings(tmp_path, dev={"notifications": {"emails": wrong}})
    with pytest.raises(SettingsError, match=r"notifications\.emails.*an e-mail address.*pending, in_transit"):
        load_settings(path, {})


def test_the_settings_know_every_status() -> None:
    statuses = schemas("notifications")["emails"]["additionalProperties"]["items"]["enum"]
    assert tuple(statuses) == contract.STATUSES
