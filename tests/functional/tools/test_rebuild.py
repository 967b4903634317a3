"""`make rebuild`, over histories and records in the embedded AWS."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

import contract
from notifier.changes import Change
from projector import wiring
from shipments.shipment import Shipment, StoredUpdate
from stacks.settings import Settings, load_settings
from tests.conftest import REGION
from tests.invocations import handle
from tests.pipeline import Pipeline
from tests.records import check, history, record_of
from tools import rebuild
from tools.rebuild import Rebuild
from tools.toolchain import ROOT

#: An event time, and a second; both in ms.
T, S = 1_700_000_000_000, 1000
PLACE = {"lat": 52, "lng": 13}

pytestmark = pytest.mark.usefixtures("no_progress_stays", "pages_are_small")


def settings_of(pipeline: Pipeline) -> Settings:
    return load_settings(ROOT / "cdktf.json", {"ENVIRONMENT_SUFFIX": pipeline.environment_suffix})


def run(pipeline: Pipeline, units: float = 1e9, **options: Any) -> dict[str, int]:
    """The numbers that are not 0."""
    counts = Rebuild(settings_of(pipeline), units=units, **options).run()
    return {name: number for name, number in counts.items() if number}


def store(pipeline: Pipeline, seed: int = 0, shipments: int = 9, updates: int = 60) -> list[str]:
    """Stores random histories that arrived long ago; returns their shipments, in the order of the scan."""
    chance = random.Random(seed)
    ids = [f"PKG-{number}" for number in range(shipments)]
    for number in range(updates):
        time = T + chance.randint(0, 40) * S
        pipeline.store(ids[number % shipments], chance.choice(contract.STATUSES), time, now=T)
    return ids


def changes(pipeline: Pipeline) -> list[tuple[str, str | None, str]]:
    """What the notifier tells of what was written to the records since the last call."""
    found = filter(None, map(Change.parse, pipeline.shipments.records()))
    return [(change.shipment.tracking_id, change.previous, change.shipment.status) for change in found]


@pytest.mark.parametrize("seed", range(2))
def test_it_makes_the_records_that_the_projector_makes_and_tells_nobody(
    pipeline: Pipeline, environment: dict[str, str], seed: int
) -> None:
    ids = store(pipeline, seed)
    records = pipeline.updates.records()
    random.Random(seed).shuffle(records)
    projector = wiring.make_projector({**environment, **pipeline.environment})
    handle(projector, records)
    live = [record_of(pipeline, id).shipment for id in ids]
    assert run(pipeline) == {"shipments": 9, "unchanged": 9}

    for id in ids:
        boto3.client("dynamodb").delete_item(
            TableName=pipeline.shipments.table, Key={"tracking_id": {"S": id}}
        )
    pipeline.shipments.records()
    assert run(pipeline) == {"shipments": 9, "added": 9}
    assert [record_of(pipeline, id).shipment for id in ids] == live
    assert changes(pipeline) == []
    # The projector, which reads the stream from its start, has nothing to add.
    handle(projector, records)
    assert pipeline.shipments.records() == []


def wrong(tracking_id: str) -> dict[str, Shipment]:
    """What a record may say that its history, `pending` at T and `in_transit` a second later, does not."""
    right = Shipment.of(StoredUpdate(tracking_id, T, "pending", PLACE)).add(
        StoredUpdate(tracking_id, T + S, "in_transit", PLACE)
    )
    return {
        "too much": right.add(StoredUpdate(tracking_id, T + 9 * S, "delivered", PLACE)),
        "too little": Shipment.of(StoredUpdate(tracking_id, T, "pending", PLACE)),
        "another time": replace(right, since=T),
        "another place": replace(right, location={"lat": 1, "lng": 1}),
        "an update of long ago": replace(right, first_update=1, newest={**right.newest, "failed": 1}),
    }


@pytest.mark.parametrize("fault", wrong(""))
def test_a_record_that_is_wrong_is_repaired_and_its_status_told_if_it_was_wrong(
    pipeline: Pipeline, fault: str
) -> None:
    pipeline.store("PKG-1", "pending", T, now=T)
    pipeline.store("PKG-1", "in_transit", T + S, now=T)
    pipeline.projection.write(wrong("PKG-1")[fault], None)
    before = record_of(pipeline, "PKG-1")
    pipeline.shipments.records()
    assert run(pipeline) == {"shipments": 1, "corrected": 1}
    check(pipeline, "PKG-1")
    assert record_of(pipeline, "PKG-1").version > before.version
    told = [] if before.shipment.status == "in_transit" else [("PKG-1", before.shipment.status, "in_transit")]
    assert changes(pipeline) == told
    assert run(pipeline) == {"shipments": 1, "unchanged": 1}


def test_what_arrived_within_a_day_is_the_projectors_and_told(pipeline: Pipeline) -> None:
    now = int(time.time() * 1000)
    day = rebuild.DAY_SECONDS * S
    pipeline.store("MIXED", "delivered", T + 5 * S, now=now - day + 60 * S)
    pipeline.store("MIXED", "pending", T, now=now - day - 60 * S)
    pipeline.store("NEW", "pending", T, now=now)
    assert run(pipeline) == {"shipments": 2, "added": 1, "left to the projector": 1}
    assert record_of(pipeline, "MIXED").shipment.status == "pending"
    assert changes(pipeline) == []
    pipeline.projection.add(history(pipeline, "MIXED"))
    pipeline.projection.add(history(pipeline, "NEW"))
    assert changes(pipeline) == [("MIXED", "pending", "delivered"), ("NEW", None, "pending")]
    assert run(pipeline) == {"shipments": 2, "unchanged": 2}


@pytest.mark.parametrize(
    ("seconds_ago", "made"),
    [(None, True), (rebuild.DAY_SECONDS + 60, True), (rebuild.DAY_SECONDS - 60, False)],
)
def test_an_update_of_an_earlier_release_arrived_when_it_was_created(
    pipeline: Pipeline, seconds_ago: int | None, made: bool
) -> None:
    item: dict[str, Any] = {"tracking_id": "PKG-1", "timestamp": T, "status": "pending", "location": PLACE}
    if seconds_ago is not None:
        moment = time.gmtime(time.time() - seconds_ago)
        item["created_at"] = time.strftime("%Y-%m-%d %H:%M:%S", moment)
    boto3.resource("dynamodb").Table(pipeline.updates.table).put_item(Item=item)
    run(pipeline)
    assert (pipeline.projection.read("PKG-1") is not None) == made


def test_what_is_written_while_it_works_is_not_lost(
    pipeline: Pipeline, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each record changes between the moment in which it is read and that in which it is written, and once more."""
    ids = store(pipeline, updates=30)
    for id in ids[::2]:
        pipeline.projection.write(wrong(id)["too much"], None)
    fold, add = Rebuild._fold, pipeline.projection.add
    late = iter(range(10**6))

    def fold_and_add(self: Rebuild, tracking_id: str) -> Shipment:
        shipment = fold(self, tracking_id)
        if (number := next(late)) % 3:
            timestamp = pipeline.store(tracking_id, "failed", T + 100 * S + number, now=T)
            add([StoredUpdate(tracking_id, timestamp, "failed", {"lat": 52, "lng": 13})])
        return shipment

    monkeypatch.setattr(Rebuild, "_fold", fold_and_add)
    run(pipeline)
    check(pipeline, *ids)


def test_beside_the_projector_the_records_are_the_folds_of_the_histories(
    pipeline: Pipeline, environment: dict[str, str]
) -> None:
    ids = store(pipeline)
    projector = wiring.make_projector({**environment, **pipeline.environment})
    done = Event()

    def project() -> None:
        chance = random.Random(0)
        for _ in range(25):
            pipeline.store(
                chance.choice(ids), chance.choice(contract.STATUSES), T + chance.randint(0, 99) * S
            )
            if records := pipeline.updates.records():
                assert handle(projector, records) == []
        done.set()

    thread = Thread(target=project)
    thread.start()
    runs = 0
    while not done.is_set():
        run(pipeline)
        runs += 1
    thread.join()
    assert runs > 1
    check(pipeline, *ids)
    assert run(pipeline) == {"shipments": 9, "unchanged": 9}


def test_it_goes_on_where_it_was_interrupted_between_any_two_pages(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = store(pipeline)
    rebuild_one = Rebuild._rebuild
    seen: list[str] = []

    def note(self: Rebuild, tracking_id: str, items: Any) -> None:
        rebuild_one(self, tracking_id, items)
        seen.append(tracking_id)

    monkeypatch.setattr(Rebuild, "_rebuild", note)
    for pages in range(9):  # which hold 60 updates
        interrupted = Rebuild(settings_of(pipeline))
        left = iter([None] * pages)

        def interrupt(left: Iterator[None] = left, **_: Any) -> None:
            if next(left, "none") == "none":
                raise KeyboardInterrupt

        interrupted._client.meta.events.register("before-call.dynamodb.Scan", interrupt)
        seen.clear()
        with pytest.raises(KeyboardInterrupt):
            interrupted.run()
        assert len(seen) < len(ids)
        finished = bool(seen)
        if pages == 5:
            assert run(pipeline, dry_run=True)["shipments"] == 9, "which counts for itself"
            seen[:] = seen[: -len(ids)]
        capsys.readouterr()
        outcome = "unchanged" if pages else "added"
        assert run(pipeline) == {"shipments": 9, outcome: 9}
        assert capsys.readouterr().out.startswith("Goes on where it was") == finished
        assert seen == ids, "each once"
    check(pipeline, *ids)


def test_progress_in_another_table_of_the_name_is_no_progress(pipeline: Pipeline) -> None:
    ids = store(pipeline, shipments=3, updates=6)
    file = ROOT / "build" / f"rebuild-{pipeline.environment_suffix}-{REGION}.json"
    progress = {
        "table": "arn:of-another",
        "position": {"tracking_id": {"S": ids[1]}, "timestamp": {"N": "1"}},
    }
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({**progress, "counts": {}, "units": 0}))
    assert run(pipeline) == {"shipments": 3, "added": 3}


def test_it_reads_no_more_units_a_second_than_it_may(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = store(pipeline)
    pipeline.projection.write(wrong(ids[0])["too much"], None)
    now, units = 1000.0, 0.0
    spent: list[tuple[float, float]] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        assert seconds >= 0
        now += seconds

    clock = SimpleNamespace(**{**vars(time), "monotonic": lambda: now, "sleep": sleep})
    monkeypatch.setattr(rebuild, "time", clock)
    rebuilding = Rebuild(settings_of(pipeline), units=2)

    def charge(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        nonlocal units, now
        now += 0.1  # each call takes a moment
        if model.name in ("Scan", "GetItem", "Query"):
            units += parsed["ConsumedCapacity"]["CapacityUnits"]
            spent.append((now, parsed["ConsumedCapacity"]["CapacityUnits"]))

    rebuilding._client.meta.events.register("after-call.dynamodb", charge)
    rebuilding.run()
    assert units == rebuilding._pace.used == 9 * 1 + 9 * 0.5 + 1
    for place, (start, _) in enumerate(spent):
        for end, (until, last) in enumerate(spent[place:], place):
            assert sum(used for _, used in spent[place:end]) <= 2 * (until - start) + 1e-6 + last
    assert now - 1000 == pytest.approx(units / 2, abs=2), "and not far fewer"


def test_what_is_no_update_or_no_record_is_told_and_passed(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = store(pipeline, shipments=3, updates=12)
    pipeline.put_poison("PKG-1")
    pipeline.put_poison("NOTHING-ELSE")
    assert run(pipeline) == {"shipments": 4, "added": 2, "foreign items": 3}
    said = capsys.readouterr().out
    assert "  PKG-1: the item at 1 is not an update.\n" in said
    assert "  NOTHING-ELSE: the item at 1 is not an update.\n" in said
    assert "  PKG-1: its record is none; delete it and run this again.\n" in said
    check(pipeline, ids[0], ids[2])
    boto3.client("dynamodb").delete_item(
        TableName=pipeline.shipments.table, Key={"tracking_id": {"S": "PKG-1"}}
    )
    assert run(pipeline)["added"] == 1
    assert record_of(pipeline, "PKG-1").shipment.first_update >= T
