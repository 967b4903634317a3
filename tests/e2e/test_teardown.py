"""What is left after `make destroy`; the last of the files whose tests share the deployment."""

import boto3

from tests.e2e.conftest import Deployment, tool


def test_what_is_destroyed_is_gone(deployment: Deployment) -> None:
    destroyed = tool(deployment, "destroy", "--auto-approve")
    assert destroyed.returncode == 0, destroyed.stdout
    left = [
        *boto3.client("dynamodb").list_tables()["TableNames"],
        *(item["FunctionName"] for item in boto3.client("lambda").list_functions()["Functions"]),
        *(item["name"] for item in boto3.client("apigateway").get_rest_apis()["items"]),
        *(item["Name"] for item in boto3.client("apigatewayv2").get_apis()["Items"]),
        *(item["TopicArn"] for item in boto3.client("sns").list_topics()["Topics"]),
        *(boto3.client("sqs").list_queues().get("QueueUrls", [])),
    ]
    # Other tests leave theirs in the same embedded AWS.
    assert not [name for name in left if name.endswith("-dev")]
