"""System A's two routes as tutorials write them: everything imported at the top, the table as a boto3 resource.

It checks less than the tracking function does: required fields alone, no duplicates, no paging token.
"""

import json
import os
import time
from decimal import Decimal
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from boto3.dynamodb.conditions import Key

logger = Logger()
tracer = Tracer()
metrics = Metrics()
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
ssm = boto3.client("ssm")
_flags: dict[str, bool] = {}


def _answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(body, default=float),
    }


def flags() -> dict[str, bool]:
    if not _flags:
        parameter = ssm.get_parameter(Name=os.environ["FEATURE_FLAGS_PARAM"])
        _flags.update(json.loads(parameter["Parameter"]["Value"]))
    return _flags


@tracer.capture_method
def store(event: dict[str, Any]) -> dict[str, Any]:
    update = json.loads(event["body"], parse_float=Decimal)
    for field in ("tracking_id", "status", "location"):
        if field not in update:
            return _answer(400, {"error": f"{field} is required"})
    timestamp = int(time.time() * 1000)
    item = {
        "tracking_id": update["tracking_id"],
        "timestamp": timestamp,
        "status": update["status"],
        "location": update["location"],
        "environment": os.environ["ENVIRONMENT"],
        "created_at": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()),
    }
    if flags().get("enhanced_tracking") and "metadata" in update:
        item["metadata"] = update["metadata"]
    table.put_item(Item=item)
    metrics.add_metric(name="TrackingUpdateStored", unit=MetricUnit.Count, value=1)
    message = "Tracking update stored successfully"
    return _answer(200, {"message": message, "tracking_id": item["tracking_id"], "timestamp": timestamp})


@tracer.capture_method
def status(event: dict[str, Any]) -> dict[str, Any]:
    tracking_id = event["queryStringParameters"]["tracking_id"]
    response = table.query(
        KeyConditionExpression=Key("tracking_id").eq(tracking_id),
        ScanIndexForward=False,
        Limit=int(event["queryStringParameters"].get("limit", 10)),
    )
    metrics.add_metric(name="StatusQuerySuccess", unit=MetricUnit.Count, value=1)
    updates = response["Items"]
    return _answer(200, {"tracking_id": tracking_id, "updates": updates, "count": len(updates)})


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    logger.info("Request", extra={"path": event["path"]})
    return store(event) if event["httpMethod"] == "POST" else status(event)
