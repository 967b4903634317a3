"""A handler of the standard library alone: it stores an update as it comes, without a signature, checks or logs."""

import http.client
import json
import os
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

_connection = http.client.HTTPSConnection(
    urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc,
    timeout=2,
    context=ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"]),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers POST /track; a GET, too, is a call to the table."""
    if event["httpMethod"] == "POST":
        update = json.loads(event["body"])
        key = {"tracking_id": {"S": update["tracking_id"]}, "timestamp": {"N": str(int(time.time() * 1000))}}
        operation, request = (
            "PutItem",
            {"TableName": "updates", "Item": {**key, "update": {"S": event["body"]}}},
        )
    else:
        operation, request = "Query", {"TableName": "updates"}
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
    _connection.request("POST", "/", json.dumps(request), headers)
    answer = _connection.getresponse()
    return {"statusCode": answer.status, "body": answer.read().decode()}
