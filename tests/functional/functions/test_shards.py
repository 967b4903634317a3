"""The shards of the status index: GET /updates over them, and how their number changes."""

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count, pairwise, product
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import contract
from local.aws import EmbeddedAws
from runtime.aws import Client
from shipments.errors import Unavailable
from storage.shards import Shards, shard_of
from storage.updates import UpdateStore
from tests.conftest import REGION, Tables
from tests.fault_proxy import FaultProxy
from tests.functional.conftest import Caller
from tests.shards import DEPLOYMENTS
from tracking.wiring import make_api

Function = Callable[[Shards], Caller]


_numbers = count(1)


@pytest.fixture(scope="module")
def function(environment: dict[str, str]) -> Function:
    """Gives a function that was deployed with so many shards."""

    @cache
    def function(shards: Shards) -> Caller:
        return Caller(make_api(variables(environment, shards)), environment)

    return function


@pytest.fixture
def window() -> int:
    """The begin, in ms, of 10 seconds in which no other test has updates."""
    return next_window()


def next_window() -> int:
    return 1_600_000_000_000 + next(_numbers) * 10_000


def variables(environment: dict[str, str], shards: Shards) -> dict[str, str]:
    """The environment variables of a function with so many shards."""
    return environment | {
        contract.STATUS_INDEX_SHARDS: str(shards.written),
        contract.STATUS_INDEX_SHARDS_READ: str(shards.read),
    }


def update(shipment: str, timestamp: int, **fields: Any) -> dict[str, Any]:
    """A valid update."""
    location = {"lat": 1, "lng": 2}
    return {
        "tracking_id": shipment,
        "status": "in_transit",
        "location": location,
        "timestamp": timestamp,
    } | fields


def post(function: Caller, body: dict[str, Any]) -> tuple[int, str]:
    """Stores an update; returns its place in the order of GET /updates."""
    answer = function.post(body)
    assert answer.status == 200, answer
    return answer.body["timestamp"], answer.body["tracking_id"]


def pages(
    readers: Iterable[Caller], window: int, limit: int, between: Callable[[], object] = lambda: None
) -> list[tuple[int, str]]:
    """The places of what GET /updates shows of a window, each page by the next of `readers`."""
    query = {"status": "in_transit", "limit": str(limit), "since": str(window), "until": str(window + 9_999)}
    seen = []
    for reader in readers:
        answer = reader.get("/updates", **query)
        assert answer.status == 200, answer
        assert answer.body["count"] <= limit
        for shown in answer.body["updates"]:
            assert shown["status"] == "in_transit"
            seen.append((shown["timestamp"], shown["tracking_id"]))
        assert_once_in_order(seen)
        if "next_key" not in answer.body:
            return seen
        query["last_key"] = answer.body["next_key"]
        between()
    raise AssertionError("the readers did not reach the end")


def assert_once_in_order(seen: list[tuple[int, str]]) -> None:
    """Newest first, and nothing twice."""
    times = [timestamp for timestamp, _ in seen]
    assert times == sorted(times, reverse=True)
    assert len(seen) == len(set(seen))


# Few milliseconds, so that many updates share one.
_writes = st.lists(st.tuples(st.sampled_from([1, 2, 5]), st.integers(0, 3)), max_size=30)


@pytest.mark.slow
@given(
    there=_writes,
    meanwhile=st.lists(_writes, max_size=4),
    readers=st.lists(st.sampled_from([5, 6]), min_size=1),
    limit=st.integers(1, 9),
)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_update_is_on_one_page_whatever_number_it_was_written_under(
    function: Function,
    there: list[tuple[int, int]],
    meanwhile: list[list[tuple[int, int]]],
    readers: list[int],
    limit: int,
) -> None:
    window, waiting = next_window(), iter(meanwhile)

    def write(writes: list[tuple[int, int]]) -> set[tuple[int, str]]:
        return {
            post(function(Shards(number, 5)), update(str(uuid.uuid4()), window + offset))
            for number, offset in writes
        }

    stored = write(there)
    turns = (function(Shards(1, readers[turn % len(readers)])) for turn in count())
    seen = pages(turns, window, limit, between=lambda: write(next(waiting, [])))
    assert_once_in_order(seen)
    assert stored <= set(seen)


@pytest.mark.slow
def test_no_answer_misses_an_update_while_the_number_changes(function: Function, window: int) -> None:
    stored = set()
    for before, after in pairwise(DEPLOYMENTS):
        # While functions are replaced, those of both deployments answer.
        mixed = [function(before.shards), function(after.shards)]
        for number, (writer, reader) in enumerate(product(mixed, mixed)):
            stored |= {post(writer, update(str(uuid.uuid4()), window + number)) for _ in range(3)}
            seen = pages((reader for _ in count()), window, 20)
            assert_once_in_order(seen)
            assert set(seen) == stored


@pytest.mark.parametrize("number", [1, 8])
def test_pages_of_updates_that_share_a_millisecond(function: Function, window: int, number: int) -> None:
    caller = function(Shards(number, number))
    stored = {post(caller, update(str(uuid.uuid4()), window)) for _ in range(60)}
    seen = pages((caller for _ in count()), window, 7)
    assert (len(seen), set(seen)) == (60, stored)


def test_pages_of_more_than_dynamodb_reads_in_a_call(function: Function, window: int) -> None:
    caller = function(Shards(3, 3))
    metadata = {"note": "x" * 300_000}  # a query reads 1 MB
    stored = {post(caller, update("BIG", window + n, metadata=metadata)) for n in range(24)}
    seen = pages((caller for _ in count()), window, 100)
    assert_once_in_order(seen)
    assert set(seen) == stored


def test_an_update_sent_again_under_another_number_is_stored_once(function: Function, window: int) -> None:
    numbers = [function(Shards(number, 8)) for number in (8, 1, 3)]
    shipments = [str(uuid.uuid4()) for _ in range(6)]
    for caller, shipment in product(numbers, shipments):
        assert post(caller, update(shipment, window)) == (window, shipment)
        assert post(caller, update(shipment, window, metadata={"n": 2})) == (window + 1, shipment)
    seen = pages(numbers, window, 100)
    assert len(seen) == 12
    assert set(seen) == set(product((window, window + 1), shipments))


def test_the_shard_stands_in_the_index_key_and_nowhere_else(
    function: Function, tables: Tables, window: int
) -> None:
    table = boto3.resource("dynamodb").Table(tables.updates)
    keys = set()
    for number, n in product((1, 8), range(30)):
        shipment = f"RAW-{number}"
        post(function(Shards(number, 8)), update(shipment, window + n))
        item = table.get_item(Key={"tracking_id": shipment, "timestamp": window + n})["Item"]
        assert set(item) == {
            "tracking_id",
            "timestamp",
            "status",
            "location",
            "environment",
            "created_at",
            "arrived_at",
        }
        keys.add((number, item["status"]))
    marked = {"in_transit", *(f"in_transit#{shard}" for shard in range(1, 8))}
    assert keys == {(1, "in_transit"), *((8, key) for key in marked)}
    history = function(Shards(8, 8)).history("RAW-8")
    assert {shown["status"] for shown in history} == {"in_transit"}


class TestCalls:
    """What a request calls, and what becomes of it if a call fails."""

    @pytest.fixture
    def caller(
        self, proxy: FaultProxy, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> Caller:
        """A caller of a function with 8 shards, whose calls go over `proxy`."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        caller = Caller(make_api(variables(environment, Shards(8, 8))), environment)
        proxy.calls.clear()
        return caller

    def test_a_post_calls_once_and_a_get_once_for_each_shard(
        self, caller: Caller, proxy: FaultProxy, window: int
    ) -> None:
        post(caller, update("CALLS", window))
        assert proxy.calls == ["PutItem"]
        proxy.calls.clear()
        assert pages([caller], window, 10) == [(window, "CALLS")]
        assert proxy.calls == ["Query"] * 8

    def test_a_shard_that_fails_fails_the_answer(
        self, caller: Caller, proxy: FaultProxy, window: int
    ) -> None:
        post(caller, update("FAILS", window))
        query = {"status": "in_transit", "since": str(window), "until": str(window + 9_999)}
        proxy.broken.append(b"in_transit#5")
        answer = caller.get("/updates", **query)
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1
        proxy.broken.clear()
        assert caller.get("/updates", **query).body["count"] == 1

    def test_no_call_begins_after_the_deadline(
        self, tables: Tables, proxy: FaultProxy, aws: EmbeddedAws
    ) -> None:
        store = UpdateStore(Client("dynamodb", REGION), tables.updates, "test", Shards(1, 8))
        with pytest.raises(Unavailable):
            store.with_status("failed", 0, 1, limit=1, deadline=0)


@pytest.mark.slow
def test_pages_while_functions_of_all_deployments_write(environment: dict[str, str], window: int) -> None:
    def start(shards: Shards) -> Caller:
        return Caller(make_api(variables(environment, shards)), environment)

    writers = [start(Shards(number, 8)) for number in (1, 3, 8, 8)]
    with ThreadPoolExecutor(len(writers)) as pool:

        def write(place: int, writer: Caller, numbers: Iterator[int]) -> set[tuple[int, str]]:
            stored = set()
            for n in numbers:
                if over.is_set():
                    break
                stored.add(post(writer, update(f"W{place}-{n}", window + n * 37 % 500)))
            return stored

        def write_all(numbers: Callable[[], Iterator[int]]) -> Any:
            return [pool.submit(write, place, writer, numbers()) for place, writer in enumerate(writers)]

        over = threading.Event()
        there = set().union(*(done.result() for done in write_all(lambda: iter(range(60)))))
        writing = write_all(lambda: count(60))
        reader = start(Shards(8, 8))
        seen = pages((reader for _ in count()), window, 20)
        over.set()
        for done in writing:
            done.result()
    assert_once_in_order(seen)
    assert there <= set(seen)


def test_the_updates_of_one_busy_shipment_spread_evenly() -> None:
    for shards in (2, 3, 8, 100):
        sizes = [0] * shards
        for n in range(1000 * shards):
            sizes[shard_of("PKG-1", 1_700_000_000_000 + 13 * n, shards)] += 1
        # Of 1,000 thrown at random 5 standard deviations are 158.
        assert all(842 < size < 1158 for size in sizes)
