"""Runs one side of bench/handler.py, as Lambda's runtime would: `runner.py SIDE FOLDER REQUESTS`.

The first POST and GET are answered. With REQUESTS above 0 so are that many more of each, and the medians of the
CPU time that they took are printed as JSON, in ms.
"""

import json
import os
import statistics
import sys
import time
from importlib import import_module
from types import SimpleNamespace
from typing import Any

side, folder, requests = sys.argv[1], sys.argv[2], int(sys.argv[3])
sys.path[:] = [folder, *(entry for entry in sys.path if "site-packages" not in entry)]
result = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

if side == "floor":
    import botocore.session

    client = botocore.session.get_session().create_client("dynamodb")
    client.put_item(TableName="updates", Item={"tracking_id": {"S": "SHIP-1"}, "timestamp": {"N": "1"}})
    os._exit(0)

if side == "anchor":
    # In place of a handler: what no function can go below that keeps an update.
    sys.path.insert(0, os.path.dirname(__file__))
    from anchor import handler  # type: ignore[import-not-found]
else:
    handler = import_module(f"{side}.handler").handler

CONTEXT = SimpleNamespace(
    function_name="bench",
    function_version="$LATEST",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:bench",
    aws_request_id="4b6ff7ab-5d53-4b7c-8e4c-4ed3d9c2b1a0",
    get_remaining_time_in_millis=lambda: 30_000,
)
GATEWAY = {"requestId": "0f9c2f0e-6d53-4b1c-8e4c-000000000001", "identity": {"user": "AIDABENCH"}}
UPDATE = {
    "tracking_id": "SHIP-1",
    "status": "in_transit",
    "location": {"lat": 52.52, "lng": 13.405},
    "metadata": {"carrier": "DHL", "weight_kg": 1.5, "express": True},
}
POST = {
    "resource": "/track",
    "path": "/track",
    "httpMethod": "POST",
    "headers": {"Content-Type": "application/json"},
    "queryStringParameters": None,
    "requestContext": GATEWAY,
    "body": json.dumps(UPDATE),
    "isBase64Encoded": False,
}
GET = {
    **POST,
    "resource": "/status",
    "path": "/status",
    "httpMethod": "GET",
    "queryStringParameters": {"tracking_id": "SHIP-1"},
    "body": None,
}


def answer(event: dict[str, Any]) -> float:
    """CPU ms of one request."""
    started = time.process_time()
    answered = handler(event, CONTEXT)
    milliseconds = (time.process_time() - started) * 1000
    assert answered["statusCode"] == 200, answered
    return milliseconds


answer(POST)
answer(GET)
if requests:
    taken = {
        "POST ms": statistics.median(answer(POST) for _ in range(requests)),
        "GET ms": statistics.median(answer(GET) for _ in range(requests)),
    }
    print(json.dumps(taken), file=result)
result.flush()
os._exit(0)
