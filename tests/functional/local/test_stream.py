"""The poller that stands in for Lambda's event source mapping, with functions in processes of their own."""

import time
import uuid
from typing import Any

import boto3
import pytest

from tests.functional.conftest import Caller
from tests.stream_functions import MAPPING, StreamFunctions, eventually, gather
from tracking.wiring import make_api


def run(functions: StreamFunctions, *shipments: str, calls: int, **settings: Any) -> list[list[str]]:
    """What the function was given of updates of these shipments, once it was called so often."""
    function = functions.deploy(**settings)
    for shipment in shipments:
        functions.pipeline.put(shipment, "pending")
    functions.poll(function)
    eventually(lambda: len(functions.given) >= calls)
    time.sleep(0.3)
    return functions.given


def test_a_mapping_leaves_the_stream_readable(functions: StreamFunctions) -> None:
    functions.deploy()
    functions.pipeline.put("A", "pending")
    functions.pipeline.put("B", "pending")
    records = functions.pipeline.updates.records()
    assert [record["dynamodb"]["Keys"]["tracking_id"]["S"] for record in records] == ["A", "B"]
    assert len({record["dynamodb"]["SequenceNumber"] for record in records}) == 2


def test_records_come_filtered_in_order_and_in_batches(functions: StreamFunctions) -> None:
    function = functions.deploy(BatchSize=2)
    for shipment in "ABC":
        functions.pipeline.put(shipment, "pending", 1)
    key = {"tracking_id": {"S": "A"}, "timestamp": {"N": "1"}}
    boto3.client("dynamodb").delete_item(TableName=functions.pipeline.updates.table, Key=key)
    functions.pipeline.put("D", "pending")
    functions.poll(function)
    eventually(lambda: functions.given == [["IA", "IB"], ["IC", "ID"]])
    functions.pipeline.put("E", "pending")
    eventually(lambda: functions.given[-1] == ["IE"])
    assert functions.pipeline.dead_letters() == []


def test_a_window_gathers_records(functions: StreamFunctions) -> None:
    function = functions.deploy(MaximumBatchingWindowInSeconds=1)
    functions.poll(function)
    functions.pipeline.put("A", "pending")
    time.sleep(0.3)
    functions.pipeline.put("B", "pending")
    eventually(lambda: functions.given == [["IA", "IB"]])


def test_a_partial_failure_is_tried_again_from_the_record_that_failed(functions: StreamFunctions) -> None:
    given = run(functions, "A", "BAD", "C", calls=3, BisectBatchOnFunctionError=False, MaximumRetryAttempts=2)
    assert given == [["IA", "IBAD", "IC"], ["IBAD", "IC"], ["IBAD", "IC"]]
    (dead_letter,) = functions.pipeline.dead_letters()
    assert dead_letter["DDBStreamBatchInfo"]["batchSize"] == 2


def test_bisecting_leaves_only_the_record_that_fails(functions: StreamFunctions) -> None:
    given = run(functions, "A", "BAD", "C", "D", calls=6)
    assert given == [
        ["IA", "IBAD", "IC", "ID"],
        ["IBAD", "IC", "ID"],
        ["IBAD"],
        ["IBAD"],
        ["IBAD"],
        ["IC", "ID"],
    ]
    (dead_letter,) = functions.pipeline.dead_letters()
    assert dead_letter["DDBStreamBatchInfo"]["batchSize"] == 1


def test_a_lane_that_tries_again_holds_no_other_one_back(functions: StreamFunctions) -> None:
    function = functions.deploy(ParallelizationFactor=4, MaximumRetryAttempts=5)
    functions.pipeline.put("BAD", "pending")
    functions.poll(function, first_wait=1)
    eventually(lambda: functions.given == [["IBAD"]])
    others = [f"S{number}" for number in range(20)]
    for shipment in others:
        functions.pipeline.put(shipment, "pending")
    # Some of them are in its lane.
    eventually(lambda: len([id for ids in functions.given for id in ids]) > len(others) / 2)
    assert functions.pipeline.dead_letters() == []


def test_a_crash_halves_the_batch(functions: StreamFunctions) -> None:
    given = run(functions, "A", "B", "C", "CRASH", calls=5, MaximumRetryAttempts=0)
    assert given == [["IA", "IB", "IC", "ICRASH"], ["IA", "IB"], ["IC", "ICRASH"], ["IC"], ["ICRASH"]]
    assert len(functions.pipeline.dead_letters()) == 1


def test_a_dead_letter_has_lambdas_format(functions: StreamFunctions) -> None:
    run(functions, "CRASH", calls=3)
    (record,) = functions.pipeline.updates.records()
    (dead_letter,) = functions.pipeline.dead_letters()
    number = record["dynamodb"]["SequenceNumber"]
    arrived = time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(record["dynamodb"]["ApproximateCreationDateTime"])
    )
    assert dead_letter["DDBStreamBatchInfo"] == {
        "shardId": functions.pipeline.updates.shard,
        "startSequenceNumber": number,
        "endSequenceNumber": number,
        "approximateArrivalOfFirstRecord": arrived,
        "approximateArrivalOfLastRecord": arrived,
        "batchSize": 1,
        "streamArn": functions.pipeline.updates.arn,
    }
    assert uuid.UUID(dead_letter["requestContext"].pop("requestId"))
    assert ":function:tracking-notifier-" in dead_letter["requestContext"].pop("functionArn")
    assert dead_letter["requestContext"] == {
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 3,
    }
    assert dead_letter["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert dead_letter["version"] == "1.0"
    assert dead_letter["payload"] == {"Records": [record]}


def test_a_record_that_is_too_old_is_not_tried(functions: StreamFunctions) -> None:
    function = functions.deploy(MaximumRecordAgeInSeconds=1)
    functions.pipeline.put("OLD", "pending")
    time.sleep(1.1)
    functions.pipeline.put("NEW", "pending")
    functions.poll(function)
    eventually(lambda: functions.given == [["INEW"]])
    (dead_letter,) = functions.pipeline.dead_letters()
    assert dead_letter["requestContext"]["condition"] == "RecordAgeExceeded"
    assert dead_letter["DDBStreamBatchInfo"]["batchSize"] == 1
    assert "responseContext" not in dead_letter


def test_a_function_without_a_mapping_is_refused(functions: StreamFunctions) -> None:
    function = functions.deploy(Enabled=False)
    with pytest.raises(LookupError, match=f"No event source mapping feeds {function.name}"):
        functions.poll(function)


@pytest.fixture
def caller(functions: StreamFunctions, environment: dict[str, str]) -> Caller:
    """A caller of the API over the pipeline's table."""
    variables = {**environment, **functions.pipeline.environment}
    return Caller(make_api(variables), variables)


def test_a_post_of_a_change_is_told_once_within_seconds_and_another_scan_is_not(
    functions: StreamFunctions, caller: Caller, environment: dict[str, str], update: dict[str, Any]
) -> None:
    functions.poll(functions.deploy_projector(environment))
    functions.poll(functions.deploy_notifier(environment))
    timestamps = [caller.post(update).body["timestamp"] for _ in range(2)]
    told = gather(functions.pipeline.notifications, 1)
    caller.post({**update, "status": "delivered"})
    told += gather(functions.pipeline.notifications, 1)
    time.sleep(0.5)
    told += functions.pipeline.notifications()
    assert [body["status"] for _, body in told] == ["in_transit", "delivered"]
    # The two are projected at once, in any order.
    assert told[0][1]["timestamp"] in timestamps
    assert told[0][1]["location"] == update["location"]
    assert told[1][0]["previous_status"] == "in_transit"


def test_a_poison_record_becomes_a_dead_letter_and_what_is_beside_it_gets_through_once(
    functions: StreamFunctions, environment: dict[str, str]
) -> None:
    function = functions.deploy_notifier(environment)
    functions.pipeline.put("PKG-1", "pending")
    functions.pipeline.put_poison("POISON")
    functions.pipeline.put("PKG-2", "pending")
    poison = functions.pipeline.shipments.records()[1]["dynamodb"]["SequenceNumber"]
    functions.poll(function)
    eventually(lambda: bool(functions.pipeline.dead_letters()))
    (dead_letter,) = functions.pipeline.dead_letters()
    assert dead_letter["DDBStreamBatchInfo"]["startSequenceNumber"] == poison
    assert dead_letter["DDBStreamBatchInfo"]["batchSize"] == 1
    assert dead_letter["requestContext"]["approximateInvokeCount"] == MAPPING["MaximumRetryAttempts"] + 1
    functions.pipeline.put("PKG-1", "delivered")
    told = gather(functions.pipeline.changes, 3)
    assert sorted(told, key=str) == [
        ("PKG-1", "pending", "delivered"),
        ("PKG-1", None, "pending"),
        ("PKG-2", None, "pending"),
    ]
