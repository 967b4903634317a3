"""GET /status?as_of=: what was known of a shipment at a time."""

import random
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

import contract
import storage.status_index
from projector.records import Records
from shipments.deadlines import Deadlines
from shipments.shipment import StoredUpdate
from tests.fault_proxy import FaultProxy
from tests.functional.conftest import Caller

#: An event time, and that of an arrival; both in ms.
T, ARRIVED = 1_700_000_000_000, 1_700_000_900_000


def store(caller: Caller, shipment: str, arrivals: list[tuple[int, int]], **attributes: Any) -> None:
    """Puts an update for each (event time, arrival); those with an odd event time as an earlier release did."""
    with boto3.resource("dynamodb").Table(caller.environment["TABLE_NAME"]).batch_writer() as batch:
        for timestamp, arrived in arrivals:
            item = {
                "tracking_id": shipment,
                "timestamp": timestamp,
                "status": contract.STATUSES[timestamp % 4],
                "location": {"lat": 0, "lng": timestamp % 100},
                "environment": "test",
                "created_at": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(arrived / 1000)),
                **({} if timestamp % 2 else {"arrived_at": arrived}),
                **attributes,
            }
            batch.put_item(item)


def pages(caller: Caller, **query: str) -> list[dict[str, Any]]:
    """The answers that lead from one to the next."""
    answers = []
    while True:
        answer = caller.get("/status", **query)
        assert answer.status == 200, answer
        answers.append(answer.body)
        assert answer.body["count"] == len(answer.body["updates"]) <= int(query["limit"])
        if "next_key" not in answer.body:
            return answers
        query["last_key"] = answer.body["next_key"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_history_of_what_had_arrived_whatever_the_pages(
    caller: Caller, shipment: str, seed: int
) -> None:
    chance = random.Random(seed)
    times = chance.sample(range(T, T + 60), 30)
    arrivals = [(timestamp, ARRIVED + chance.randint(0, 9_999)) for timestamp in times]
    store(caller, shipment, arrivals)
    # A time costs 35 requests, and the histories have 20 times between them.
    for as_of in [ARRIVED - 1, ARRIVED + 10_000, *(arrived for _, arrived in arrivals[:3])]:
        known = sorted(
            (
                timestamp
                for timestamp, arrived in arrivals
                # Of an earlier release's nothing is known but the second.
                if (arrived // 1000 * 1000 if timestamp % 2 else arrived) <= as_of
            ),
            reverse=True,
        )
        for limit in (1, 7, 100):
            found = pages(caller, tracking_id=shipment, as_of=str(as_of), limit=str(limit))
            assert [update["timestamp"] for page in found for update in page["updates"]] == known
            assert all(page["count"] == limit for page in found[:-1])


def test_an_update_arrives_when_its_request_does(
    caller: Caller, update: dict[str, Any], set_clock: Callable[[int], None]
) -> None:
    for arrived, timestamp in ((ARRIVED, T + 5), (ARRIVED + 1, T)):
        set_clock(arrived)
        caller.post({**update, "timestamp": timestamp})
    query = {"tracking_id": update["tracking_id"], "limit": "9"}
    for as_of, known in ((-1, []), (0, [T + 5]), (1, [T + 5, T])):
        (page,) = pages(caller, **query, as_of=str(ARRIVED + as_of))
        assert [update["timestamp"] for update in page["updates"]] == known


def test_the_summary_is_of_what_was_known(
    caller: Caller, shipment: str, set_clock: Callable[[int], None]
) -> None:
    tables = caller.environment
    records = Records(
        boto3.client("dynamodb"),
        updates=tables[contract.TABLE_NAME],
        shipments=tables[contract.SHIPMENTS_TABLE],
        references=tables[contract.REFERENCES_TABLE],
        shards=1,
        deadlines=Deadlines({}),
    )
    for hour, status in enumerate(("pending", "in_transit", "delivered")):
        now, location = ARRIVED + hour * 3_600_000, {"lat": 0, "lng": hour}
        set_clock(now)
        assert caller.post({"tracking_id": shipment, "status": status, "location": location}).status == 200
        records.add([StoredUpdate(shipment, now, status, location)])
    query = {"tracking_id": shipment, "as_of": str(ARRIVED + 3_600_000 + 1_800_000)}
    assert caller.get("/status", **query).body["summary"] == {
        "current_status": "in_transit",
        "first_update": ARRIVED,
        "last_update": ARRIVED + 3_600_000,
        "hours_since_last_update": 0.5,
        "page": {"updates": 2, "distance_km": 111.195},
    }
    # The record, which says "delivered", is not asked for what a page does not tell.
    first, second = (page["summary"] for page in pages(caller, **query, limit="1"))
    assert (first["current_status"], first["first_update"]) == ("in_transit", None)
    assert (second["current_status"], second["first_update"]) == (None, ARRIVED)
    assert second["last_update"] is second["hours_since_last_update"] is None
    (nothing,) = pages(caller, tracking_id=shipment, as_of=str(ARRIVED - 1), limit="1")
    assert (nothing["count"], nothing["summary"]["current_status"]) == (0, None)
    # Of what is to come nothing is known.
    later = caller.get("/status", tracking_id=shipment, as_of=str(ARRIVED * 2)).body["summary"]
    assert later["hours_since_last_update"] == 0


def test_it_takes_two_calls_if_much_came_later_and_one_if_nothing_did(
    proxied_caller: Caller, proxy: FaultProxy, shipment: str
) -> None:
    store(proxied_caller, shipment, [(T + number * 2, ARRIVED + number) for number in range(300)])
    # What nothing is known of may be a carrier's number, which is one call more.
    for as_of, calls in ((ARRIVED + 999, 1), (ARRIVED + 2, 2), (ARRIVED - 1, 3)):
        proxy.calls.clear()
        proxied_caller.get("/status", tracking_id=shipment, as_of=str(as_of), limit="100")
        assert proxy.calls == ["Query"] * calls


def test_past_the_deadline_a_page_is_short_or_the_caller_is_asked_to_come_back(
    proxied_caller: Caller, proxy: FaultProxy, shipment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 1 MB a call: two or three of these.
    arrivals = [(T + 18, 5), *((T + number * 2, 9) for number in range(1, 9)), (T, 5)]
    store(proxied_caller, shipment, arrivals, metadata={"note": "x" * 350_000})
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 60 * proxy.calls.count("Query"))
    query = {"tracking_id": shipment, "as_of": "5", "limit": "1"}
    with monkeypatch.context() as patch:
        patch.setattr(storage.status_index, "time", clock)
        proxy.calls.clear()
        first = proxied_caller.get("/status", **query)
        assert [update["timestamp"] for update in first.body["updates"]] == [T + 18]
        assert proxy.calls == ["Query"]
        assert proxied_caller.get("/status", **query, last_key=first.body["next_key"]).status == 503
        assert proxy.calls == ["Query", "Query"]
    second = proxied_caller.get("/status", **query, last_key=first.body["next_key"])
    assert [update["timestamp"] for update in second.body["updates"]] == [T]


def test_a_cursor_belongs_to_its_time(caller: Caller, shipment: str) -> None:
    store(caller, shipment, [(T, ARRIVED), (T + 2, ARRIVED)])
    query = {"tracking_id": shipment, "limit": "1"}
    key = caller.get("/status", **query, as_of=str(ARRIVED)).body["next_key"]
    assert caller.get("/status", **query, as_of=str(ARRIVED), last_key=key).status == 200
    for other in ({}, {"as_of": str(ARRIVED + 1)}):
        assert caller.get("/status", **query, **other, last_key=key).pointers == ["/last_key"]


def test_another_spelling_finds_it(caller: Caller, shipment: str) -> None:
    store(caller, f"{shipment}\u00e9", [(T, ARRIVED), (T + 2, ARRIVED + 1)])
    answer = caller.get("/status", tracking_id=f"{shipment}e\u0301", as_of=str(ARRIVED))
    assert [update["timestamp"] for update in answer.body["updates"]] == [T]


@pytest.mark.parametrize("value", ["", "-1", "1.5", "Tuesday", "9" * 16])
def test_what_is_no_time_is_refused(caller: Caller, value: str) -> None:
    answer = caller.get("/status", tracking_id="S", as_of=value)
    assert (answer.status, answer.pointers) == (400, ["/as_of"])
