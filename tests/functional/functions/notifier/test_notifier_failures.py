"""What the notifier cannot send."""

import json
from collections.abc import Callable

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

import contract
from notifier.notifier import Notifier
from tests.functional.conftest import FLAGS
from tests.invocations import handle
from tests.pipeline import Pipeline
from tests.sns_proxy import SnsProxy

#: An event time, and a second; both in ms.
T, S = 1_700_000_000_000, 1000


def test_a_poison_record_fails_alone(pipeline: Pipeline, notifier: Notifier) -> None:
    pipeline.put("PKG-1", "pending")
    pipeline.put_poison("PKG-3")
    pipeline.put("PKG-2", "pending")
    records = pipeline.shipments.records()
    assert handle(notifier, records) == [records[1]]
    assert sorted(pipeline.changes(), key=str) == [("PKG-1", None, "pending"), ("PKG-2", None, "pending")]


def test_a_refused_entry_fails_and_holds_its_shipment_back(
    pipeline: Pipeline, make: Callable[..., Notifier], sns: SnsProxy
) -> None:
    notifier = make()
    pipeline.put("PKG-1", "in_transit", T)
    pipeline.put("PKG-2", "in_transit", T)
    pipeline.put("PKG-1", "delivered", T + S)
    records = pipeline.shipments.records()
    sns.refused = {("PKG-1", "in_transit"): False}
    assert handle(notifier, records) == [records[0], records[2]]
    (other,) = pipeline.notifications()
    assert other[0]["tracking_id"] == "PKG-2"
    sns.refused.clear()
    assert handle(notifier, records) == []
    assert pipeline.changes() == [("PKG-1", None, "in_transit"), ("PKG-1", "in_transit", "delivered")]

    # A new execution environment knows nothing of what was sent, but gives it the same id.
    assert handle(make(), records[1:]) == []
    assert pipeline.notifications()[0] == other


def test_an_entry_that_will_never_be_taken_holds_nothing_back(
    pipeline: Pipeline, notifier: Notifier, sns: SnsProxy
) -> None:
    pipeline.put("PKG-1", "in_transit", T)
    pipeline.put("PKG-1", "delivered", T + S)
    records = pipeline.shipments.records()
    sns.refused = {("PKG-1", "in_transit"): True}
    assert handle(notifier, records) == [records[0]]
    assert pipeline.changes() == [("PKG-1", "in_transit", "delivered")]


def test_while_sns_is_away_everything_fails_after_one_call_and_nothing_is_lost(
    pipeline: Pipeline, notifier: Notifier, sns: SnsProxy
) -> None:
    for number in range(25):
        pipeline.put(f"PKG-{number}", "pending")
    records = pipeline.shipments.records()
    sns.away = True
    with pytest.raises(BatchProcessingError):
        handle(notifier, records)
    assert len(sns.batches) == 3, "one call and its retries"
    sns.away = False
    assert handle(notifier, records) == []
    assert len(pipeline.changes()) == 25


def test_with_the_flag_off_records_are_consumed_and_nothing_is_sent(
    pipeline: Pipeline,
    make: Callable[..., Notifier],
    put_parameters: Callable[..., dict[str, str]],
    sns: SnsProxy,
) -> None:
    off = put_parameters(
        json.dumps(FLAGS | {"real_time_notifications": False}), json.dumps(contract.DEFAULT_CONFIG)
    )
    pipeline.put("PKG-1", "pending")
    pipeline.put_poison("PKG-2")
    assert handle(make(**off), pipeline.shipments.records()) == []
    assert pipeline.changes() == []
    assert sns.batches == []


def test_operators_are_told_in_numbers_and_of_each_failure(
    pipeline: Pipeline,
    notifier: Notifier,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    pipeline.put("PKG-1", "delivered", T + S, now=T + S)
    pipeline.put("PKG-1", "pending", T, now=T + 2 * S)
    pipeline.put_poison("PKG-2")
    records = pipeline.shipments.records()
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
