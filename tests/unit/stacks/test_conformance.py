"""The check of the requests that a deployment sends finds what AWS would refuse, whatever is wrong with it."""

import base64
from contextlib import suppress
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import Config

from tests.conformance import check

ALARM: dict[str, Any] = {
    "AlarmName": "errors",
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 1,
    "Metrics": [{"Id": "result", "Expression": "1"}],
}
FUNCTION: dict[str, Any] = {
    "FunctionName": "tracking",
    "Role": "arn:aws:iam::123456789012:role/a",
    "Code": {},
}
TABLE: dict[str, Any] = {
    "TableName": "tracking-data",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}


def complaints(service: str, operation: str, parameters: dict[str, Any]) -> list[str]:
    """What is said of a request as it goes over the wire."""
    client = botocore.session.get_session().create_client(
        service,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local-secret",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, None)

    client.meta.events.register("before-send", answer)
    with suppress(Exception):  # there is no answer
        client._make_api_call(operation, parameters)
    (request,) = sent
    body = request.body or b""
    return list(
        check(
            {
                "method": request.method,
                "url": request.url,
                "headers": {
                    name: value.decode() if isinstance(value, bytes) else value
                    for name, value in request.headers.items()
                },
                "body": base64.b64encode(body if isinstance(body, bytes) else body.encode()).decode(),
                "body_encoded": True,
            }
        )
    )


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("cloudwatch", "PutMetricAlarm", ALARM),
        ("lambda", "CreateFunction", FUNCTION),
        ("dynamodb", "CreateTable", TABLE),
        ("sqs", "CreateQueue", {"QueueName": "dead-letters"}),
        ("apigateway", "PutGatewayResponse", {"restApiId": "a", "responseType": "THROTTLED"}),
        ("apigatewayv2", "CreateApi", {"Name": "public", "ProtocolType": "HTTP"}),
    ],
)
def test_a_right_request_is_right_in_every_protocol(
    service: str, operation: str, parameters: dict[str, Any]
) -> None:
    assert complaints(service, operation, parameters) == []


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "complaint"),
    [
        (
            "lambda",
            "CreateFunction",
            {"FunctionName": "a", "Code": {}},
            'Missing required parameter in input: "Role"',
        ),
        ("dynamodb", "CreateTable", {**TABLE, "KeySchema": []}, "Invalid length for parameter KeySchema"),
        ("cloudwatch", "PutMetricAlarm", {**ALARM, "EvaluationPeriods": 0}, "EvaluationPeriods"),
        ("cloudwatch", "PutMetricAlarm", {**ALARM, "AlarmName": "a" * 256}, "is over 255"),
        ("lambda", "CreateFunction", {**FUNCTION, "MemorySize": 99_999}, "is over 32768"),
        ("cloudwatch", "PutMetricAlarm", {**ALARM, "ComparisonOperator": "Greater"}, "is none of"),
        ("apigateway", "PutGatewayResponse", {"restApiId": "a", "responseType": "LATE"}, "is none of"),
        ("lambda", "CreateFunction", {**FUNCTION, "Role": "role"}, "does not match arn:"),
        ("logs", "CreateLogGroup", {"logGroupName": "a b"}, "does not match"),
    ],
    ids=[
        "required",
        "too few",
        "too little",
        "too long",
        "too much",
        "enum",
        "enum in a path",
        "pattern",
        "json",
    ],
)
def test_what_aws_would_refuse_is_found(
    service: str, operation: str, parameters: dict[str, Any], complaint: str
) -> None:
    (found,) = complaints(service, operation, parameters)
    assert found.startswith(f"{service} {operation}")
    assert complaint in found
