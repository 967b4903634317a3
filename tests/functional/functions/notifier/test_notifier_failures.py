"""What the notifier cannot send."""

import json
from collections.abc import Callable

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

import contract
from notifier.notifier import Notifier
from tests.feed import Feed
from tests.functional.conftest import FLAGS
from tests.invocations import handle
from tests.sns_line import SnsLine

#: An event time, and a second; both in ms.
T, S = 1_700_000_000_000, 1000


def test_a_poison_record_fails_alone(feed: Feed, notifier: Notifier) -> None:
    feed.put("PKG-1", "pending")
    feed.put_poison("PKG-3")
    feed.put("PKG-2", "pending")
    records = feed.shipments.records()
    assert handle(notifier, records) == [records[1]]
    assert sorted(feed.changes(), key=str) == [("PKG-1", None, "pending"), ("PKG-2", None, "pending")]


def test_a_refused_entry_fails_and_holds_its_shipment_back(
    feed: Feed, make: Callable[..., Notifier], sns: SnsLine
) -> None:
    notifier = make()
    feed.put("PKG-1", "in_transit", T)
    feed.put("PKG-2", "in_transit", T)
    feed.put("PKG-1", "delivered", T + S)
    records = feed.shipments.records()
    sns.refused = {("PKG-1", "in_transit"): False}
    assert handle(notifier, records) == [records[0], records[2]]
    (other,) = feed.told()
    assert other[0]["tracking_id"] == "PKG-2"
    sns.refused.clear()
    assert handle(notifier, records) == []
    assert feed.changes() == [("PKG-1", None, "in_transit"), ("PKG-1", "in_transit", "delivered")]

    # A new execution environment knows nothing of what was sent, but gives it the same id.
    assert handle(make(), records[1:]) == []
    assert feed.told()[0] == other


def test_an_entry_that_will_never_be_taken_holds_nothing_back(
    feed: Feed, notifier: Notifier, sns: SnsLine
) -> None:
    feed.put("PKG-1", "in_transit", T)
    feed.put("PKG-1", "delivered", T + S)
    records = feed.shipments.records()
    sns.refused = {("PKG-1", "in_transit"): True}
    assert handle(notifier, records) == [records[0]]
    assert feed.changes() == [("PKG-1", "in_transit", "delivered")]


def test_while_sns_is_away_everything_fails_after_one_call_and_nothing_is_lost(
    feed: Feed, notifier: Notifier, sns: SnsLine
) -> None:
    for number in range(25):
        feed.put(f"PKG-{number}", "pending")
    records = feed.shipments.records()
    sns.away = True
    with pytest.raises(BatchProcessingError):
        handle(notifier, records)
    assert len(sns.batches) == 3, "one call and its retries"
    sns.away = False
    assert handle(notifier, records) == []
    assert len(feed.changes()) == 25


def test_with_the_flag_off_records_are_consumed_and_nothing_is_sent(
    feed: Feed, make: Callable[..., Notifier], put_parameters: Callable[..., dict[str, str]], sns: SnsLine
) -> None:
    off = put_parameters(
        json.dumps(FLAGS | {"real_time_notifications": False}), json.dumps(contract.DEFAULT_CONFIG)
    )
    feed.put("PKG-1", "pending")
    feed.put_poison("PKG-2")
    assert handle(make(**off), feed.shipments.records()) == []
    assert feed.changes() == []
    assert sns.batches == []


def test_operators_are_told_in_numbers_and_of_each_failure(
    feed: Feed,
    notifier: Notifier,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    feed.put("PKG-1", "delivered", T + S, now=T + S)
    feed.put("PKG-1", "pending", T, now=T + 2 * S)
    feed.put_poison("PKG-2")
    records = feed.shipments.records()
    handle(notifier, records)
    (failure,) = [record.__dict__ for record in caplog.records if record.levelname == "WARNING"]
    assert (failure["event_id"], failure["kind"]) == (records[2]["eventID"], "ForeignItem")
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert metrics["correlation_id"] == "lambda-1"
    numbers = {name: metrics[name] for name in ("RecordsRead", "StatusChange", "RecordFailed")}
    assert numbers == {
        "RecordsRead": [3.0],
        "StatusChange": [1.0],
        "RecordFailed": [1.0],
    }
