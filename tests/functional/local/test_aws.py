"""What the embedded AWS does beyond moto."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.aws import EmbeddedAws
from tests.conformance import recorded, violations
from tests.conftest import REGION, Tables


@pytest.mark.slow
def test_of_many_conditional_puts_of_one_item_one_succeeds(tables: Tables, shipment: str) -> None:
    # So long that another thread comes while it is looked through.
    condition = " AND ".join(["attribute_not_exists(tracking_id)"] * 200)

    def put(client: Any, timestamp: int) -> bool:
        item = {"tracking_id": {"S": shipment}, "timestamp": {"N": str(timestamp)}}
        try:
            client.put_item(TableName=tables.updates, Item=item, ConditionExpression=condition)
        except client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    clients = [boto3.client("dynamodb") for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        for timestamp in range(10):
            puts = [pool.submit(put, client, timestamp) for client in clients]
            assert [one.result() for one in puts].count(True) == 1


def test_large_requests_of_one_moment_are_recorded_whole(aws: EmbeddedAws, recording: Path) -> None:
    clients = [boto3.client("dynamodb") for _ in range(8)]
    # As large as to be written in several pieces; there is no such table.
    item = {"tracking_id": {"S": "A" * 300_000}}
    with recorded(aws.endpoint), ThreadPoolExecutor(len(clients)) as pool:
        for client in clients * 4:
            pool.submit(client.put_item, TableName="no-such-table", Item=item)
    assert not list(violations(recording))


def test_no_proxy_is_asked_for_it(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "internal.example")
    variables = aws.environment(REGION)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert boto3.client("sts").get_caller_identity()["Account"]
    assert "internal.example" in variables["no_proxy"]


@pytest.mark.parametrize(("kind", "code"), [("THROTTLED", "429"), ("DEFAULT_4XX", None)])
def test_a_gateway_response_without_a_status_code_gets_its_types(
    aws: EmbeddedAws, kind: str, code: str | None
) -> None:
    gateway = boto3.client("apigateway")
    place = {"restApiId": gateway.create_rest_api(name="status codes")["id"], "responseType": kind}
    gateway.put_gateway_response(**place)
    assert gateway.get_gateway_response(**place).get("statusCode") == code
    gateway.put_gateway_response(**place, statusCode="499")
    assert gateway.get_gateway_response(**place)["statusCode"] == "499"


def test_a_bucket_tells_that_it_notifies_eventbridge(aws: EmbeddedAws) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="notifies-eventbridge")
    configuration: Any = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(
        Bucket="notifies-eventbridge", NotificationConfiguration=configuration
    )
    answer = s3.get_bucket_notification_configuration(Bucket="notifies-eventbridge")
    assert configuration.items() <= answer.items()
