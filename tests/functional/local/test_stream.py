"""The poller that stands in for Lambda's event source mapping, with functions in processes of their own."""

import time
import uuid
from typing import Any

import boto3
import pytest

from tests.functional.conftest import Caller
from tests.mapped import MAPPING, Mapped, eventually, gather
from tracking.wiring import make_api


def run(mapped: Mapped, *shipments: str, calls: int, **settings: Any) -> list[list[str]]:
    """What the function was given of updates of these shipments, once it was called so often."""
    function = mapped.deploy(**settings)
    for shipment in shipments:
        mapped.feed.put(shipment, "pending")
    mapped.poll(function)
    eventually(lambda: len(mapped.given) >= calls)
    time.sleep(0.3)
    return mapped.given


def test_a_mapping_leaves_the_stream_readable(mapped: Mapped) -> None:
    mapped.deploy()
    mapped.feed.put("A", "pending")
    mapped.feed.put("B", "pending")
    records = mapped.feed.updates.records()
    assert [record["dynamodb"]["Keys"]["tracking_id"]["S"] for record in records] == ["A", "B"]
    assert len({record["dynamodb"]["SequenceNumber"] for record in records}) == 2


def test_records_come_filtered_in_order_and_in_batches(mapped: Mapped) -> None:
    function = mapped.deploy(BatchSize=2)
    for shipment in "ABC":
        mapped.feed.put(shipment, "pending", 1)
    key = {"tracking_id": {"S": "A"}, "timestamp": {"N": "1"}}
    boto3.client("dynamodb").delete_item(TableName=mapped.feed.updates.table, Key=key)
    mapped.feed.put("D", "pending")
    mapped.poll(function)
    eventually(lambda: mapped.given == [["IA", "IB"], ["IC", "ID"]])
    mapped.feed.put("E", "pending")
    eventually(lambda: mapped.given[-1] == ["IE"])
    assert mapped.feed.letters() == []


def test_a_window_gathers_records(mapped: Mapped) -> None:
    function = mapped.deploy(MaximumBatchingWindowInSeconds=1)
    mapped.poll(function)
    mapped.feed.put("A", "pending")
    time.sleep(0.3)
    mapped.feed.put("B", "pending")
    eventually(lambda: mapped.given == [["IA", "IB"]])


def test_a_partial_failure_is_tried_again_from_the_record_that_failed(mapped: Mapped) -> None:
    given = run(mapped, "A", "BAD", "C", calls=3, BisectBatchOnFunctionError=False, MaximumRetryAttempts=2)
    assert given == [["IA", "IBAD", "IC"], ["IBAD", "IC"], ["IBAD", "IC"]]
    (letter,) = mapped.feed.letters()
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 2


def test_bisecting_leaves_only_the_record_that_fails(mapped: Mapped) -> None:
    given = run(mapped, "A", "BAD", "C", "D", calls=6)
    assert given == [
        ["IA", "IBAD", "IC", "ID"],
        ["IBAD", "IC", "ID"],
        ["IBAD"],
        ["IBAD"],
        ["IBAD"],
        ["IC", "ID"],
    ]
    (letter,) = mapped.feed.letters()
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 1


def test_a_lane_that_tries_again_holds_no_other_one_back(mapped: Mapped) -> None:
    function = mapped.deploy(ParallelizationFactor=4, MaximumRetryAttempts=5)
    mapped.feed.put("BAD", "pending")
    mapped.poll(function, first_wait=1)
    eventually(lambda: mapped.given == [["IBAD"]])
    others = [f"S{number}" for number in range(20)]
    for shipment in others:
        mapped.feed.put(shipment, "pending")
    # Some of them are in its lane.
    eventually(lambda: len([id for ids in mapped.given for id in ids]) > len(others) / 2)
    assert mapped.feed.letters() == []


def test_a_crash_halves_the_batch(mapped: Mapped) -> None:
    given = run(mapped, "A", "B", "C", "CRASH", calls=5, MaximumRetryAttempts=0)
    assert given == [["IA", "IB", "IC", "ICRASH"], ["IA", "IB"], ["IC", "ICRASH"], ["IC"], ["ICRASH"]]
    assert len(mapped.feed.letters()) == 1


def test_a_dead_letter_has_lambdas_format(mapped: Mapped) -> None:
    run(mapped, "CRASH", calls=3)
    (record,) = mapped.feed.updates.records()
    (letter,) = mapped.feed.letters()
    number = record["dynamodb"]["SequenceNumber"]
    arrived = time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(record["dynamodb"]["ApproximateCreationDateTime"])
    )
    assert letter["DDBStreamBatchInfo"] == {
        "shardId": mapped.feed.updates.shard,
        "startSequenceNumber": number,
        "endSequenceNumber": number,
        "approximateArrivalOfFirstRecord": arrived,
        "approximateArrivalOfLastRecord": arrived,
        "batchSize": 1,
        "streamArn": mapped.feed.updates.arn,
    }
    assert uuid.UUID(letter["requestContext"].pop("requestId"))
    assert ":function:tracking-notifier-" in letter["requestContext"].pop("functionArn")
    assert letter["requestContext"] == {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 3}
    assert letter["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert letter["version"] == "1.0"
    assert letter["payload"] == {"Records": [record]}


def test_a_record_that_is_too_old_is_not_tried(mapped: Mapped) -> None:
    function = mapped.deploy(MaximumRecordAgeInSeconds=1)
    mapped.feed.put("OLD", "pending")
    time.sleep(1.1)
    mapped.feed.put("NEW", "pending")
    mapped.poll(function)
    eventually(lambda: mapped.given == [["INEW"]])
    (letter,) = mapped.feed.letters()
    assert letter["requestContext"]["condition"] == "RecordAgeExceeded"
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 1
    assert "responseContext" not in letter


def test_a_function_without_a_mapping_is_refused(mapped: Mapped) -> None:
    function = mapped.deploy(Enabled=False)
    with pytest.raises(LookupError, match=f"No event source mapping feeds {function.name}"):
        mapped.poll(function)


@pytest.fixture
def caller(mapped: Mapped, environment: dict[str, str]) -> Caller:
    """A caller of the API over the feed's table."""
    variables = {**environment, **mapped.feed.environment}
    return Caller(make_api(variables), variables)


def test_a_post_of_a_change_is_told_once_within_seconds_and_another_scan_is_not(
    mapped: Mapped, caller: Caller, environment: dict[str, str], update: dict[str, Any]
) -> None:
    mapped.poll(mapped.deploy_projector(environment))
    mapped.poll(mapped.deploy_notifier(environment))
    timestamps = [caller.post(update).body["timestamp"] for _ in range(2)]
    told = gather(mapped.feed.told, 1, seconds=5)
    caller.post({**update, "status": "delivered"})
    told += gather(mapped.feed.told, 1, seconds=5)
    time.sleep(0.5)
    told += mapped.feed.told()
    assert [body["status"] for _, body in told] == ["in_transit", "delivered"]
    # The two are projected at once, in any order.
    assert told[0][1]["timestamp"] in timestamps
    assert told[0][1]["location"] == update["location"]
    assert told[1][0]["previous_status"] == "in_transit"


def test_a_poison_record_becomes_a_dead_letter_and_what_is_beside_it_gets_through_once(
    mapped: Mapped, environment: dict[str, str]
) -> None:
    function = mapped.deploy_notifier(environment)
    mapped.feed.put("PKG-1", "pending")
    mapped.feed.put_poison("POISON")
    mapped.feed.put("PKG-2", "pending")
    poison = mapped.feed.shipments.records()[1]["dynamodb"]["SequenceNumber"]
    mapped.poll(function)
    eventually(lambda: bool(mapped.feed.letters()))
    (letter,) = mapped.feed.letters()
    assert letter["DDBStreamBatchInfo"]["startSequenceNumber"] == poison
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 1
    assert letter["requestContext"]["approximateInvokeCount"] == MAPPING["MaximumRetryAttempts"] + 1
    mapped.feed.put("PKG-1", "delivered")
    told = gather(mapped.feed.changes, 3)
    assert sorted(told, key=str) == [
        ("PKG-1", "pending", "delivered"),
        ("PKG-1", None, "pending"),
        ("PKG-2", None, "pending"),
    ]
