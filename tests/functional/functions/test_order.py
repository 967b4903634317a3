"""What subscribers are told, from the updates to the queue, whatever becomes of the streams' batches on the way."""

import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.config import Config

import contract
import notifier.wiring
import projector.wiring
from local.aws import EmbeddedAws
from shipments.errors import Unavailable
from storage.shipments import decode_record
from storage.updates import decode_stored
from tests.fault_proxy import Fault, FaultProxy
from tests.functional.conftest import Caller
from tests.pipeline import SHARDS, Pipeline
from tests.records import expected
from tests.sns_proxy import SnsProxy, open_sns_proxy
from tests.stream_mapping import Mapping, Record
from tracking.wiring import make_api

#: Histories that are tried; `HISTORIES=10000 python -m pytest` with this file takes 20 minutes of CPU.
HISTORIES = int(os.environ.get("HISTORIES", "60"))
#: Shipments that are under way at the same time.
TOGETHER = 20
#: An event time, and a second; both in ms.
T, S = 1_700_000_000_000, 1000


@pytest.fixture
def sns(aws: EmbeddedAws) -> Iterator[SnsProxy]:
    with open_sns_proxy(aws.endpoint) as proxy:
        yield proxy


@pytest.fixture
def mappings(
    pipeline: Pipeline, sns: SnsProxy, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> tuple[Mapping, Mapping]:
    """Those of the projector and of the notifier, each of which runs in three execution environments."""
    once = Config(retries={"total_max_attempts": 1})
    topic = boto3.client("sns", endpoint_url=sns.endpoint, config=once)
    clients = {"dynamodb": boto3.client("dynamodb"), "ssm": boto3.client("ssm"), "sns": topic}
    for wiring in (projector.wiring, notifier.wiring):
        monkeypatch.setattr(wiring, "make_client", lambda service, *_: clients[service])
    variables = {**environment, **pipeline.environment}
    return (
        Mapping(pipeline.updates, [projector.wiring.make_projector(variables).handle for _ in range(3)]),
        Mapping(pipeline.shipments, [notifier.wiring.make_notifier(variables).handle for _ in range(3)]),
    )


def arrivals(chance: random.Random, ids: list[str]) -> list[tuple[str, str, int]]:
    """Updates of shipments in the order in which they arrive, some of them late."""
    histories, together = [], []
    for id in ids:
        times = sorted(chance.randint(0, 20) for _ in range(chance.randint(1, 7)))
        for _ in range(chance.randint(0, 2)):
            times.insert(chance.randint(0, len(times)), times.pop(chance.randrange(len(times))))
        histories.append([(id, chance.choice(contract.STATUSES), T + time * S) for time in times])
    while histories := [updates for updates in histories if updates]:
        together.append(chance.choice(histories).pop(0))
    return together


def count_late(coming: list[tuple[str, str, int]]) -> int:
    """How many come after one of their shipment that is newer."""
    newest: dict[str, int] = {}
    late = 0
    for id, _, time in coming:
        late += time < newest.get(id, 0)
        newest[id] = max(time, newest.get(id, 0))
    return late


@pytest.mark.slow
def test_each_change_is_told_in_the_order_of_the_versions_and_what_is_late_is_not(
    pipeline: Pipeline, sns: SnsProxy, mappings: tuple[Mapping, Mapping]
) -> None:
    seen: Counter[str] = Counter()
    for seed in range(HISTORIES // TOGETHER):
        chance = random.Random(seed)
        ids = [f"PKG-{seed}-{number}" for number in range(TOGETHER)]
        coming = arrivals(chance, ids)
        seen["late"] += count_late(coming)
        run(pipeline, sns, mappings, coming, chance)
        messages = defaultdict(list)
        for _, body in pipeline.notifications():
            messages[body["tracking_id"]].append(body)
        histories, records = (by_shipment(mapping.read) for mapping in mappings)
        for id in ids:
            seen += check(messages[id], histories[id], records[id], mappings[1].redriven)
        seen["updates"] += len(mappings[0].read)
        seen["redriven"] += len(mappings[1].redriven)
        for mapping in mappings:
            mapping.read.clear()
            mapping.redriven.clear()
    print(dict(seen))
    assert seen["changes"] > 2 * HISTORIES
    # Whatever may go wrong did.
    for happened in ("redriven", "repeated", "late", "out of order by a redrive"):
        assert seen[happened] > HISTORIES / 50, seen


def run(
    pipeline: Pipeline,
    sns: SnsProxy,
    mappings: tuple[Mapping, Mapping],
    coming: list[tuple[str, str, int]],
    chance: random.Random,
) -> None:
    """Has updates arrive and both functions handle them, until all is done."""
    pairs = {(id, status) for id, _, _ in coming for status in contract.STATUSES}
    for _ in range(10 * len(coming)):
        number = chance.randint(0, 9)
        for update in coming[:number]:
            send(pipeline, *update)
        del coming[:number]
        sns.away = chance.random() < 0.1
        sns.refused = dict.fromkeys((pair for pair in sorted(pairs) if chance.random() < 0.2), False)
        if not step(mappings, chance) and not coming:
            return
    pytest.fail("what fails once fails for ever")


def send(pipeline: Pipeline, *update: Any) -> None:
    """Stores an update, and sends it again if the table does not answer, as the API asks its callers to."""
    for _ in range(3):
        with suppress(Unavailable):
            pipeline.store(*update)
            return
    pipeline.store(*update)


def step(mappings: tuple[Mapping, Mapping], chance: random.Random) -> bool:
    """Lets a function handle something; returns whether there was anything.

    The notifier falls behind, so that its batches have several changes of a shipment.
    """
    first, second = mappings if chance.random() < 0.8 else reversed(mappings)
    return first.step(chance) or second.step(chance)


def by_shipment(records: list[Record]) -> dict[str, list[Record]]:
    """The records of a stream by the shipment that they are of."""
    found = defaultdict(list)
    for record in records:
        found[record["dynamodb"]["Keys"]["tracking_id"]["S"]].append(record)
    return found


def status(image: dict[str, Any] | None) -> str | None:
    """That of an item, without the shard."""
    return image["status"]["S"].partition("#")[0] if image else None


def check(
    messages: list[dict[str, Any]], updates: list[Record], records: list[Record], redriven: set[str]
) -> Counter[str]:
    """What was told of a shipment is what there was to tell; returns what happened to it.

    Args:
        messages: in the order in which they came.
        updates: what was in the stream of updates, and `records` in that of shipments.
        redriven: the ids of records whose messages may come later than in their turn, as docs/notifications.md says.
    """
    whole = sorted(decode_stored(update["dynamodb"]["NewImage"]) for update in updates)
    last = decode_record(records[-1]["dynamodb"]["NewImage"]).shipment
    assert last == expected(whole, last.tracking_id)
    changes = {
        record["eventID"]
        for record in records
        if status(record["dynamodb"]["NewImage"]) != status(record["dynamodb"].get("OldImage"))
    }

    first = {body["deduplication_id"]: body for body in reversed(messages)}
    assert all(body == first[body["deduplication_id"]] for body in messages), (
        "a message is repeated as it was"
    )
    assert first.keys() == changes, "each change is told, and nothing else"

    in_turn = [*dict.fromkeys(body["version"] for body in messages)]
    kept = [*dict.fromkeys(body["version"] for body in messages if body["deduplication_id"] not in redriven)]
    assert kept == sorted(kept), "in the order of the versions"

    by_version = sorted(first.values(), key=lambda body: int(body["version"]))
    assert len({body["version"] for body in by_version}) == len(by_version)
    statuses = [body["status"] for body in by_version]
    assert [body["previous_status"] for body in by_version] == [None, *statuses[:-1]], "none is missing"
    assert statuses[-1] == whole[-1].status
    times = [body["timestamp"] for body in by_version]
    assert times == sorted(set(times)), "none is late"
    return Counter(
        {
            "changes": len(changes),
            "repeated": len(messages) - len(first),
            "out of order by a redrive": in_turn != sorted(in_turn),
        }
    )


def test_the_retry_of_a_request_that_failed_is_no_news(
    pipeline: Pipeline,
    mappings: tuple[Mapping, Mapping],
    proxy: FaultProxy,
    environment: dict[str, str],
    set_clock: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With an Idempotency-Key, its update is of the time of the first try."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    variables = {**environment, **pipeline.environment, contract.STATUS_INDEX_SHARDS_READ: str(SHARDS)}
    caller = Caller(make_api(variables), variables)
    update = {"tracking_id": "PKG-1", "location": {"lat": 52, "lng": 13}}

    def post(second: int, status: str, **headers: str) -> int:
        set_clock(T + second * S)
        answer = caller.post({**update, "status": status}, **headers)
        while step(mappings, random.Random(0)):
            pass
        return answer.status

    # The key is stored, and the update is not.
    proxy.faults["PutItem"] = [None, *[Fault.BROKEN] * 3]
    assert post(0, "in_transit", Idempotency_Key="1") == 503
    assert post(1, "delivered") == 200
    assert post(2, "in_transit", Idempotency_Key="1") == 200
    assert [update["status"] for update in caller.history("PKG-1")] == ["delivered", "in_transit"]
    assert set(pipeline.changes()) == {("PKG-1", None, "delivered")}
