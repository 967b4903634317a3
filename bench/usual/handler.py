"""POST /track and GET /status as the tutorials of boto3 and Powertools have them.

Everything is imported at the top, the table is a boto3 resource, and Powertools logs, traces and counts; with
VALIDATES in the environment it also validates, as the tracking function always does. There is no more to it: no
duplicates, event times, paging tokens or answers to faults.
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

import contract

if VALIDATES := os.environ.get("VALIDATES"):
    from aws_lambda_powertools.utilities.validation import SchemaValidationError, validate

logger = Logger()
tracer = Tracer()
metrics = Metrics()
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
ssm = boto3.client("ssm")
FLAGS: dict[str, bool] = {}
SCHEMA = json.loads(contract.UPDATE_SCHEMA.read_text())


def _answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(body, default=float),
    }


def flags() -> dict[str, bool]:
    if not FLAGS:
        parameter = ssm.get_parameter(Name=os.environ["FEATURE_FLAGS_PARAM"])
        FLAGS.update(json.loads(parameter["Parameter"]["Value"]))
    return FLAGS


@tracer.capture_method
def store(event: dict[str, Any]) -> dict[str, Any]:
    update = json.loads(event["body"], parse_float=Decimal)
    if VALIDATES:
        try:
            validate(event=update, schema=SCHEMA)
        except SchemaValidationError as error:
            return _answer(400, {"error": str(error)})
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
    tracer.put_annotation(key="tracking_id", value=item["tracking_id"])
    logger.info("Stored an update", extra={"tracking_id": item["tracking_id"]})
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
    tracer.put_annotation(key="tracking_id", value=tracking_id)
    logger.info("Answered a query", extra={"tracking_id": tracking_id})
    metrics.add_metric(name="StatusQuerySuccess", unit=MetricUnit.Count, value=1)
    updates = response["Items"]
    return _answer(200, {"tracking_id": tracking_id, "updates": updates, "count": len(updates)})


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return store(event) if event["httpMethod"] == "POST" else status(event)
