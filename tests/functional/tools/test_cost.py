"""The sizes of a request that docs/cost.md calculates with."""

import json
import time
from decimal import Decimal
from math import ceil
from typing import Any

import boto3
import pytest

from stacks.constructs import http_api
from stacks.constructs.rest_api import ACCESS_LOG
from tests.conftest import Tables
from tests.functional.conftest import Caller
from tests.senders import Sender
from tools import cost_model

#: What Lambda logs for an invocation ("Sending Lambda function logs to CloudWatch Logs").
LAMBDA_LOG = """\
START RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95 Version: $LATEST
END RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95
REPORT RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95\tDuration: 8.41 ms\tBilled Duration: 9 ms\tMemory Size: 512 MB\t\
Max Memory Used: 90 MB\t
XRAY TraceId: 1-5e34a614-10bdxmplf1fb44f07bc535a1\tSegmentId: 07f5xmpl2d1f6f85\tSampled: true\t
"""


def item_size(value: Any) -> int:
    """Bytes that DynamoDB counts ("DynamoDB Item sizes and formats") of what boto3's table returned."""
    match value:
        case str():
            return len(value.encode())
        case Decimal():  # a byte for two significant digits, and one
            return ceil(len(value.normalize().as_tuple().digits) / 2) + 1
        case dict():
            return 3 + sum(len(name.encode()) + item_size(member) + 1 for name, member in value.items())
        case _:
            raise TypeError(value)


def test_the_sizes_are_those_of_a_request(
    caller: Caller, tables: Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    start = int(time.time() * 1000) - 3_600_000
    updates = [
        {**cost_model.UPDATE, "tracking_id": f"1Z{start:016}", "timestamp": start + number}
        for number in range(11)
    ]
    for update in updates[1:]:
        caller.post(update)
    capsys.readouterr()
    posted = caller.post(updates[0])
    post_log = capsys.readouterr().out
    got = caller.get("/status", tracking_id=updates[0]["tracking_id"])
    get_log = capsys.readouterr().out
    key = {name: updates[0][name] for name in ("tracking_id", "timestamp")}
    item = boto3.resource("dynamodb").Table(tables.updates).get_item(Key=key)["Item"]

    around = len(LAMBDA_LOG) + len(json.dumps(ACCESS_LOG))
    # An item has no byte for each attribute, as a map inside it has.
    assert item_size(item) - len(item) - 3 == pytest.approx(cost_model.ITEM, rel=0.05)
    assert _length(posted.body) == pytest.approx(cost_model.POST_ANSWER, rel=0.05)
    assert _length(got.body) == pytest.approx(cost_model.GET_ANSWER, rel=0.05)
    assert len(post_log) + around == pytest.approx(cost_model.POST_LOG, rel=0.05)
    assert len(get_log) + around == pytest.approx(cost_model.GET_LOG, rel=0.05)


def test_the_log_is_that_of_a_partners_message(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    sender = Sender.of(environment, "demo", {"mapping": "generic"})
    for number in range(2):  # the first says that it is a cold start
        capsys.readouterr()
        sender.send({**cost_model.UPDATE, "tracking_id": f"1Z{number:016}"})
    logged = len(capsys.readouterr().out) + len(LAMBDA_LOG) + len(json.dumps(http_api.ACCESS_LOG))
    assert logged == pytest.approx(cost_model.INBOUND_LOG, rel=0.05)


def _length(body: Any) -> int:
    """Of the answer's text."""
    return len(json.dumps(body, separators=(",", ":")))
