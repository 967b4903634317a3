"""The projector, with records of a real stream: what it makes of any order, repetition, grouping and failure."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError

import contract
from projector import wiring
from runtime.batch import Batches
from storage.attributes import ForeignItem
from storage.updates import decode_stored
from tests.fault_proxy import Fault, FaultProxy
from tests.invocations import handle
from tests.pipeline import Pipeline
from tests.records import check, history, record_of

#: An event time, and a second; both in ms.
T, S = 1_700_000_000_000, 1000


@pytest.fixture
def projector(pipeline: Pipeline, environment: dict[str, str]) -> Batches:
    return wiring.make_projector({**environment, **pipeline.environment})


def test_what_an_update_may_have_comes_into_the_record(pipeline: Pipeline, projector: Batches) -> None:
    optional: dict[str, Any] = {
        "place": {"city": "Riga", "country": "LV"},
        "detail": "It has left.",
        "reason": "departed_facility",
        "carrier": "DPD",
        "references": ["B", "A"],
        "estimated_delivery": {"from": T, "to": T + S},
    }
    pipeline.store("PKG-1", "in_transit", T, lat=None, **optional)
    assert handle(projector, pipeline.updates.records()) == []
    shipment = record_of(pipeline, "PKG-1").shipment
    assert {name: getattr(shipment, name) for name in optional} == {**optional, "references": ["A", "B"]}
    found = boto3.client("dynamodb").scan(TableName=pipeline.references)["Items"]
    assert {item["reference"]["S"]: item["tracking_id"]["S"] for item in found} == {
        "A": "PKG-1",
        "B": "PKG-1",
    }


@pytest.mark.parametrize(
    "members",
    [
        {"place": {"S": "Riga"}},
        {"references": {"L": [{"N": "1"}]}},
        {"estimated_delivery": {"S": "tomorrow"}},
        {"location": {"M": {"lat": {"S": "1"}}}, "place": {"M": {}}},
    ],
)
def test_what_no_update_may_have_is_no_update(members: dict[str, Any]) -> None:
    item = {"tracking_id": {"S": "A"}, "timestamp": {"N": "1"}, "status": {"S": "pending"}}
    place = {"M": {"country": {"S": "LV"}}}
    assert decode_stored({**item, "place": place}).location is None
    with pytest.raises(ForeignItem):
        decode_stored({**item, "place": place, **members})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_record_is_the_fold_of_its_history_in_whatever_pieces_it_comes(
    pipeline: Pipeline, projector: Batches, seed: int
) -> None:
    chance = random.Random(seed)
    shipments = ["PKG-1", "PKG-2", "PKG-3"]
    for _ in range(60):
        pipeline.store(
            chance.choice(shipments), chance.choice(contract.STATUSES), T + chance.randint(0, 40) * S
        )
    records = pipeline.updates.records()
    # Lambda keeps the order of an item alone, and each update is one.
    chance.shuffle(records)
    while records:
        size = chance.randint(1, 15)
        assert handle(projector, records[:size]) == []
        records = records[size if chance.random() < 0.7 else 0 :]  # the batch comes again
    check(pipeline, *shipments)


def test_each_write_has_a_greater_version_and_what_changes_nothing_is_not_written(
    pipeline: Pipeline, projector: Batches
) -> None:
    versions = []
    for status, time in (("pending", T), ("in_transit", T + S), ("in_transit", T + 2 * S), ("failed", T - S)):
        pipeline.store("PKG-1", status, time)
        records = pipeline.updates.records()
        for _ in range(2):
            handle(projector, records)
            versions.append(record_of(pipeline, "PKG-1").version)
    assert versions[::2] == versions[1::2]
    assert sorted(set(versions)) == versions[::2]
    assert len(pipeline.shipments.records()) == 4


def test_updates_of_a_shipment_that_come_together_take_two_calls(
    pipeline: Pipeline, proxy: FaultProxy, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    projector = wiring.make_projector({**environment, **pipeline.environment})
    for number in range(20):
        pipeline.store("PKG-1", "in_transit", T + number * S)
    records = pipeline.updates.records()
    handle(projector, records)
    assert proxy.calls == ["GetItem", "PutItem"]
    proxy.calls.clear()
    handle(projector, records)
    assert proxy.calls == ["GetItem"]
    # Each change of status is a write, since the stream tells of each.
    pipeline.store("PKG-2", "pending", T)
    pipeline.store("PKG-2", "in_transit", T + S)
    pipeline.store("PKG-2", "in_transit", T + 2 * S)
    proxy.calls.clear()
    handle(projector, pipeline.updates.records())
    assert proxy.calls == ["GetItem", "PutItem", "PutItem"]
    # Of a late one that comes between others, only the history tells since when the status holds.
    pipeline.store("PKG-1", "failed", T + 5 * S + 1)
    proxy.calls.clear()
    handle(projector, pipeline.updates.records())
    assert proxy.calls == ["GetItem", "Query", "PutItem"]
    assert record_of(pipeline, "PKG-1").shipment.since == T + 6 * S


@pytest.mark.parametrize("operation", ["GetItem", "Query", "PutItem"])
@pytest.mark.parametrize("fault", [Fault.RESET, Fault.LOST])
def test_a_crash_between_any_two_calls_loses_and_doubles_nothing(
    pipeline: Pipeline,
    proxy: FaultProxy,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    fault: Fault,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    projector = wiring.make_projector({**environment, **pipeline.environment})
    for number in range(3):
        pipeline.store("PKG-1", "in_transit", T + number * S)
    handle(projector, pipeline.updates.records())
    pipeline.store("PKG-1", "failed", T + 1)
    records = pipeline.updates.records()
    proxy.cut[operation] = fault
    with pytest.raises(BotoCoreError):
        handle(projector, records)
    proxy.cut.clear()
    assert handle(projector, records) == []
    check(pipeline, "PKG-1")


@pytest.mark.slow
def test_many_writers_and_projectors_at_once_agree(pipeline: Pipeline, environment: dict[str, str]) -> None:
    def send(number: int) -> None:
        pipeline.store("PKG-1", contract.STATUSES[number // 7 % 4], T + number * 37 % 100 * S)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(send, range(400)))
    records = pipeline.updates.records()
    assert len(records) == len(history(pipeline, "PKG-1")) > 200

    def project(records: list[dict[str, Any]]) -> None:
        projector = wiring.make_projector({**environment, **pipeline.environment})
        for start in range(0, len(records), 10):
            assert handle(projector, records[start : start + 10]) == []

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(project, (records[part::4] for part in range(4))))
    check(pipeline, "PKG-1")


def test_a_poison_record_fails_alone(pipeline: Pipeline, projector: Batches) -> None:
    pipeline.store("PKG-1", "pending", T)
    pipeline.put_poison("PKG-3")
    pipeline.store("PKG-3", "pending", T)
    pipeline.store("PKG-2", "pending", T)
    records = pipeline.updates.records()
    # In both tables: its update is none, and its record neither.
    assert handle(projector, records) == records[1:3]
    check(pipeline, "PKG-1", "PKG-2")


def test_operators_are_told_in_numbers(
    pipeline: Pipeline, projector: Batches, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(120):
        pipeline.store(f"PKG-{number}", "pending", T)
    handle(projector, pipeline.updates.records())
    pipeline.store("PKG-1", "failed", T - S)
    pipeline.put_poison("PKG-2")
    capsys.readouterr()
    handle(projector, pipeline.updates.records())
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    numbers = {name: metrics[name] for name in ("RecordsRead", "LateUpdate", "RecordFailed")}
    assert numbers == {"RecordsRead": [2.0], "LateUpdate": [1.0], "RecordFailed": [1.0]}


def test_while_the_table_is_away_the_batch_fails(
    pipeline: Pipeline, proxy: FaultProxy, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    projector = wiring.make_projector({**environment, **pipeline.environment})
    pipeline.store("PKG-1", "pending", T)
    records = pipeline.updates.records()
    proxy.cut["GetItem"] = Fault.RESET
    with pytest.raises(BotoCoreError):
        handle(projector, records)
    proxy.cut.clear()
    handle(projector, records)
    check(pipeline, "PKG-1")
