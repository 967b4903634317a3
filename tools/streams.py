"""Records of a DynamoDB stream, as Lambda hands them to a function."""

import base64
import json
from datetime import datetime
from typing import Any


def event_record(record: dict[str, Any], stream_arn: str) -> dict[str, Any]:
    """The element of a Lambda event's Records for what boto3's GetRecords returned."""
    event: dict[str, Any] = json.loads(json.dumps({**record, "eventSourceARN": stream_arn}, default=_plain))
    return event


def _plain(value: datetime | bytes) -> float | str:
    return value.timestamp() if isinstance(value, datetime) else base64.b64encode(value).decode()
