"""Stalled and overdue shipments, from the update that arms one to the notification, with real tables and a clock."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError

import deadlines.sweep
import projector.records
from contract import DUE_INDEX
from deadlines.sweep import Sweep
from deadlines.wiring import make_sweep
from notifier.notifier import Notifier
from notifier.wiring import make_notifier
from shipments import deadlines as domain
from shipments.deadlines import HOUR, Watch
from shipments.shipment import Shipment, StoredUpdate
from storage.shipments import Record
from tests.fault_proxy import Fault, FaultProxy
from tests.invocations import handle, run
from tests.pipeline import Pipeline
from tests.records import record_of

#: An event time, in ms.
T = 1_700_000_000_000

SetClock = Callable[[int], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Sets the clock of whoever writes records, in ms since the epoch; it stands still."""

    def set_to(milliseconds: int) -> None:
        now = SimpleNamespace(time=lambda: milliseconds / 1000, monotonic=time.monotonic)
        for module in (deadlines.sweep, projector.records):
            monkeypatch.setattr(module, "time", now)

    set_to(T)

    return set_to


@pytest.fixture
def sweep(pipeline: Pipeline, environment: dict[str, str]) -> Sweep:
    return make_sweep({**environment, **pipeline.environment})


@pytest.fixture
def proxied_sweep(
    pipeline: Pipeline, proxy: FaultProxy, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Sweep:
    """A sweep whose calls go through the proxy."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    return make_sweep({**environment, **pipeline.environment})


@pytest.fixture
def notifier(pipeline: Pipeline, environment: dict[str, str]) -> Notifier:
    return make_notifier({**environment, **pipeline.environment})


@pytest.fixture
def estimates(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The ends of estimates, by the ids of the shipments that have one."""
    found: dict[str, int] = {}
    monkeypatch.setattr(domain, "estimate_end", lambda shipment: found.get(shipment.tracking_id))
    return found


def due(pipeline: Pipeline) -> dict[str, int]:
    """What the index holds."""
    found = boto3.client("dynamodb").scan(TableName=pipeline.shipments.table, IndexName=DUE_INDEX.name)
    return {item["tracking_id"]["S"]: int(item["due"]["N"]) for item in found["Items"]}


def notified(pipeline: Pipeline, notifier: Notifier) -> list[tuple[str, str]]:
    """(shipment, event) of what is told of the records that were written since the last call."""
    assert handle(notifier, pipeline.shipments.records()) == []
    return [(body["tracking_id"], body["event"]) for _, body in pipeline.notifications()]


def test_a_shipment_is_declared_stalled_once_and_moves_again(
    pipeline: Pipeline, sweep: Sweep, notifier: Notifier, clock: SetClock
) -> None:
    pipeline.put("PKG-1", "in_transit", T)
    assert due(pipeline) == {"PKG-1": T + 48 * HOUR}
    clock(T + 48 * HOUR - 1)
    run(sweep)
    assert notified(pipeline, notifier) == [("PKG-1", "status_changed")]
    clock(T + 48 * HOUR)
    run(sweep)
    run(sweep)
    assert due(pipeline) == {}
    assert notified(pipeline, notifier) == [("PKG-1", "stalled")]
    assert record_of(pipeline, "PKG-1").stalled

    clock(T + 50 * HOUR)
    pipeline.put("PKG-1", "in_transit", T + 49 * HOUR)
    assert due(pipeline) == {"PKG-1": T + 97 * HOUR}
    assert not record_of(pipeline, "PKG-1").stalled
    clock(T + 97 * HOUR)
    run(sweep)
    assert notified(pipeline, notifier) == [("PKG-1", "moving_again"), ("PKG-1", "stalled")]
    # It is not told of a new status that it moves again too.
    pipeline.put("PKG-1", "delivered", T + 98 * HOUR)
    assert notified(pipeline, notifier) == [("PKG-1", "status_changed")]
    assert due(pipeline) == {}


def test_updates_do_not_move_what_is_armed_and_the_sweep_does(
    pipeline: Pipeline, sweep: Sweep, notifier: Notifier, clock: SetClock
) -> None:
    for hours in (0, 10, 20, 40):
        clock(T + hours * HOUR)
        pipeline.put("PKG-1", "in_transit", T + hours * HOUR)
        assert due(pipeline) == {"PKG-1": T + 48 * HOUR}
    clock(T + 48 * HOUR)
    version = record_of(pipeline, "PKG-1").version
    run(sweep)
    assert due(pipeline) == {"PKG-1": T + 88 * HOUR}
    assert record_of(pipeline, "PKG-1").version > version
    assert notified(pipeline, notifier) == [("PKG-1", "status_changed")]
    # A late update changes neither.
    pipeline.put("PKG-1", "in_transit", T + HOUR)
    assert due(pipeline) == {"PKG-1": T + 88 * HOUR}


def test_what_is_delivered_is_not_looked_at(pipeline: Pipeline, sweep: Sweep, clock: SetClock) -> None:
    pipeline.put("PKG-1", "in_transit", T)
    pipeline.put("PKG-1", "delivered", T + HOUR)
    pipeline.put("PKG-2", "failed", T)
    assert due(pipeline) == {}
    version = record_of(pipeline, "PKG-1").version
    clock(T + 1000 * HOUR)
    run(sweep)
    assert record_of(pipeline, "PKG-1").version == version


def test_an_estimate_that_passes_is_told_once_and_again_for_another(
    pipeline: Pipeline, sweep: Sweep, notifier: Notifier, clock: SetClock, estimates: dict[str, int]
) -> None:
    pipeline.put("PKG-1", "in_transit", T)
    estimates["PKG-1"] = T + 10 * HOUR
    pipeline.put("PKG-1", "in_transit", T + HOUR)
    assert due(pipeline) == {"PKG-1": T + 10 * HOUR}, "it comes before the shipment stalls"
    clock(T + 10 * HOUR)
    run(sweep)
    assert due(pipeline) == {"PKG-1": T + 49 * HOUR}
    assert notified(pipeline, notifier) == [("PKG-1", "status_changed"), ("PKG-1", "overdue")]
    pipeline.put("PKG-1", "in_transit", T + 11 * HOUR)
    assert record_of(pipeline, "PKG-1").overdue
    estimates["PKG-1"] = T + 30 * HOUR
    pipeline.put("PKG-1", "in_transit", T + 12 * HOUR)
    assert not record_of(pipeline, "PKG-1").overdue
    assert due(pipeline) == {"PKG-1": T + 30 * HOUR}
    clock(T + 100 * HOUR)
    run(sweep)
    assert notified(pipeline, notifier) == [("PKG-1", "overdue"), ("PKG-1", "stalled")]
    record = record_of(pipeline, "PKG-1")
    assert (record.overdue, record.stalled, due(pipeline)) == (True, True, {})
    pipeline.put("PKG-1", "delivered", T + 101 * HOUR)
    assert not record_of(pipeline, "PKG-1").overdue


def test_of_a_record_that_is_rebuilt_nobody_is_told_what_has_long_passed(
    pipeline: Pipeline, sweep: Sweep, notifier: Notifier, clock: SetClock
) -> None:
    clock(T + 100 * HOUR)
    for number, hours in enumerate((0, 99)):
        update = StoredUpdate(f"PKG-{number}", T + hours * HOUR, "in_transit", {"lat": 1, "lng": 1})
        pipeline.projection.write(Shipment.of(update), None, rebuilt=True)
    assert due(pipeline) == {"PKG-1": T + 147 * HOUR}
    run(sweep)
    assert notified(pipeline, notifier) == []
    assert [record_of(pipeline, f"PKG-{number}").stalled for number in range(2)] == [True, False]


def test_a_record_that_was_never_armed_is_when_its_update_comes_again(
    pipeline: Pipeline, clock: SetClock
) -> None:
    pipeline.put("PKG-1", "in_transit", T)
    found = record_of(pipeline, "PKG-1")
    pipeline.projection.put(Record(found.shipment, found.version + 1), found)
    assert due(pipeline) == {}
    pipeline.put("PKG-1", "in_transit", T)
    assert due(pipeline) == {"PKG-1": T + 48 * HOUR}


def test_sweeps_and_projectors_at_once_lose_and_repeat_nothing(
    pipeline: Pipeline, environment: dict[str, str], notifier: Notifier, clock: SetClock
) -> None:
    chance = random.Random(1)
    shipments = [f"PKG-{number}" for number in range(20)]
    for shipment in shipments:
        pipeline.put(shipment, "in_transit", T)
    assert len(notified(pipeline, notifier)) == len(shipments)
    clock(T + 60 * HOUR)
    # Of the second half there is news while the sweeps run.
    news = [(shipment, T + 50 * HOUR + number) for number in range(3) for shipment in shipments[10:]]
    chance.shuffle(news)
    sweeps = [make_sweep({**environment, **pipeline.environment}) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(run, one) for one in sweeps]
        puts = [pool.submit(pipeline.put, shipment, "in_transit", seen) for shipment, seen in news]
        for swept in running:
            swept.result()
        for put in puts:
            put.result()
    for shipment in shipments[:10]:
        assert record_of(pipeline, shipment).watch == Watch(stalled_for=T)
    for shipment in shipments[10:]:
        record = record_of(pipeline, shipment)
        assert (record.shipment.last_update, record.stalled) == (T + 50 * HOUR + 2, False)
        assert (
            record.watch.due == T + 98 * HOUR or T + 98 * HOUR <= (record.watch.due or 0) <= T + 98 * HOUR + 2
        )
    events: dict[str, list[str]] = {shipment: [] for shipment in shipments}
    for shipment, event in notified(pipeline, notifier):
        events[shipment].append(event)
    assert all(events[shipment] == ["stalled"] for shipment in shipments[:10])
    assert all(events[shipment] in ([], ["stalled", "moving_again"]) for shipment in shipments[10:])


def test_what_a_sweep_reads_and_writes_is_what_is_due(
    pipeline: Pipeline, proxy: FaultProxy, proxied_sweep: Sweep, clock: SetClock
) -> None:
    for number in range(60):
        pipeline.put(f"PKG-{number}", "in_transit", T + number * HOUR)
    proxy.calls.clear()
    clock(T + 57 * HOUR)
    run(proxied_sweep)
    calls = {name: proxy.calls.count(name) for name in set(proxy.calls)}
    assert calls == {"Query": 8, "GetItem": 10, "PutItem": 10}
    proxy.calls.clear()
    run(proxied_sweep)
    assert proxy.calls == ["Query"] * 8, "a call for each shard"


def test_what_is_left_when_the_time_is_up_is_found_next_time_the_longest_due_first(
    pipeline: Pipeline, sweep: Sweep, notifier: Notifier, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines.sweep, "_BATCH", 4)
    for number in range(10):
        pipeline.put(f"PKG-{number}", "in_transit", T + number)
    assert len(notified(pipeline, notifier)) == 10
    clock(now := T + 49 * HOUR)
    # At the start, before the first batch, and after it.
    ticks = iter([0, 1, 1000])
    monkeypatch.setattr(
        deadlines.sweep, "time", SimpleNamespace(time=lambda: now / 1000, monotonic=ticks.__next__)
    )
    run(sweep)
    assert sorted(notified(pipeline, notifier)) == [(f"PKG-{number}", "stalled") for number in range(4)]
    clock(now)
    run(sweep)
    assert sorted(notified(pipeline, notifier)) == [(f"PKG-{number}", "stalled") for number in range(4, 10)]


def test_a_record_that_cannot_be_read_holds_nothing_back_and_is_told_of(
    pipeline: Pipeline,
    sweep: Sweep,
    clock: SetClock,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pipeline.put("PKG-1", "in_transit", T)
    poison: Any = {"tracking_id": {"S": "PKG-2"}, "due_shard": {"S": "due_shard"}, "due": {"N": "1"}}
    boto3.client("dynamodb").put_item(TableName=pipeline.shipments.table, Item=poison)
    clock(T + 49 * HOUR)
    run(sweep)
    assert record_of(pipeline, "PKG-1").stalled
    (failure,) = [record.__dict__ for record in caplog.records if record.levelname == "WARNING"]
    assert (failure["shipment"], failure["kind"]) == ("PKG-2", "ForeignItem")
    line = capsys.readouterr().out.splitlines()[-1]
    assert '"ShipmentsStalled":[1.0]' in line
    assert f'"DeadlineLag":[{T + 49 * HOUR - 1}.0]' in line
    assert '"looked_at":2' in line


def test_while_the_table_is_away_the_sweep_fails_and_the_next_one_goes_on(
    pipeline: Pipeline, proxy: FaultProxy, proxied_sweep: Sweep, clock: SetClock
) -> None:
    pipeline.put("PKG-1", "in_transit", T)
    clock(T + 49 * HOUR)
    for operation in ("Query", "GetItem", "PutItem"):
        proxy.cut[operation] = Fault.RESET
        with pytest.raises(BotoCoreError):
            run(proxied_sweep)
        proxy.cut.clear()
    run(proxied_sweep)
    assert record_of(pipeline, "PKG-1").stalled
