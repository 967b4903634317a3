"""GET /shipments and GET /shipments/{tracking_id}: what is true of shipments now."""

import time
from typing import Any

import boto3
import pytest

import contract
from deadlines.wiring import make_sweep
from runtime.aws import Client
from shipments import deadlines
from shipments.errors import Unavailable
from storage.shards import Shards
from storage.shipments import ShipmentStore
from tests.conftest import REGION
from tests.functional.conftest import Caller
from tests.invocations import run
from tests.pipeline import SHARDS, Pipeline
from tracking.wiring import make_api

#: An event time, and a second; both in ms.
T, S = 1_700_000_000_000, 1000


@pytest.fixture(scope="module")
def pipeline(environment: dict[str, str]) -> Pipeline:
    return Pipeline()


@pytest.fixture(scope="module")
def caller(pipeline: Pipeline, environment: dict[str, str]) -> Caller:
    """A caller of the API over the pipeline's tables."""
    variables = {**environment, **pipeline.environment, contract.STATUS_INDEX_SHARDS_READ: str(SHARDS)}
    return Caller(make_api(variables), variables)


def listed(caller: Caller, **query: str) -> list[str]:
    """The ids of all shipments, by way of all pages."""
    found: list[str] = []
    while True:
        answer = caller.get("/shipments", **query)
        assert answer.status == 200, answer
        assert answer.body["count"] == len(answer.body["shipments"]) <= int(query["limit"])
        found += [shipment["tracking_id"] for shipment in answer.body["shipments"]]
        if "next_key" not in answer.body:
            return found
        query["last_key"] = answer.body["next_key"]


def test_a_shipment_is_what_its_updates_say(caller: Caller, pipeline: Pipeline, shipment: str) -> None:
    for second, status in enumerate(("pending", "in_transit", "in_transit")):
        pipeline.put(shipment, status, T + second * S)
    answer = caller.shipment(shipment)
    assert answer.status == 200
    assert answer.body == {
        "tracking_id": shipment,
        "status": "in_transit",
        "previous_status": "pending",
        "since": T + S,
        "first_update": T,
        "last_update": T + 2 * S,
        "location": {"lat": 52, "lng": 13},
        "place": None,
        "detail": None,
        "reason": None,
        "carrier": None,
        "estimated_delivery": None,
        "references": [],
        "version": pipeline.projection.read(shipment).version,  # type: ignore[union-attr]
        "stalled": False,
        "overdue": False,
    }


def test_a_shipment_says_what_its_updates_may_have(caller: Caller, pipeline: Pipeline, shipment: str) -> None:
    estimate = {"from": T + 9 * S, "to": T + 10 * S}
    pipeline.put(shipment, "pending", T, carrier="DHL", estimated_delivery=estimate, references=["B", "A"])
    pipeline.put(shipment, "in_transit", T + 2 * S, lat=None, place={"country": "DE"}, reason="missorted")
    pipeline.put(shipment, "in_transit", T + S, place={"city": "Riga"}, carrier="DPD", references=["C"])
    body = caller.shipment(shipment).body
    assert body["location"] == {"lat": 51.09, "lng": 10.37, "precision": "country"}
    assert (body["place"], body["reason"], body["detail"]) == ({"country": "DE"}, "missorted", None)
    assert (body["carrier"], body["estimated_delivery"]) == ("DPD", estimate)
    assert body["references"] == ["A", "B", "C"]
    history = caller.get("/status", tracking_id=shipment, limit="2").body
    assert [update["location"] for update in history["updates"]] == [
        {"lat": 51.09, "lng": 10.37, "precision": "country"},
        {"lat": 52, "lng": 13},
    ]
    assert history["summary"]["page"] == {"updates": 2, "distance_km": 0}


@pytest.mark.parametrize("tracking_id", ["a/b", "50%", "50%25", "a b", "é", "?#;|{}", "ship+1"])
def test_any_id_gets_through(caller: Caller, pipeline: Pipeline, tracking_id: str) -> None:
    pipeline.put(tracking_id, "pending", T)
    assert caller.shipment(tracking_id).body["tracking_id"] == tracking_id


def test_another_spelling_finds_the_shipment(caller: Caller, pipeline: Pipeline) -> None:
    pipeline.put("caf\u00e9", "pending", T)
    assert caller.shipment("cafe\u0301").body["tracking_id"] == "caf\u00e9"


def test_what_is_not_known_is_404_and_no_id_is_400(caller: Caller) -> None:
    assert (caller.shipment("NOBODY").status, caller.shipment("NOBODY").body["code"]) == (404, "not_found")
    assert caller.shipment("", encoded="%00").status == 400


@pytest.mark.parametrize("limit", ["1", "3", "100"])
def test_shipments_are_listed_by_the_status_that_they_have_now(
    environment: dict[str, str], limit: str
) -> None:
    pipeline = Pipeline()
    variables = {**environment, **pipeline.environment, contract.STATUS_INDEX_SHARDS_READ: str(SHARDS)}
    caller = Caller(make_api(variables), variables)
    for number in range(10):
        pipeline.put(f"PKG-{number}", "pending", T)
        pipeline.put(f"PKG-{number}", "failed", T + number // 2 * S)  # two at each time
    pipeline.put("PKG-3", "delivered", T + 100 * S)
    pipeline.put("PKG-4", "failed", T + 200 * S)  # since when it is failed does not change
    newest = listed(caller, status="failed", limit=limit)
    oldest = listed(caller, status="failed", order="oldest", limit=limit)
    numbers = [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert [int(one[-1]) // 2 for one in oldest] == [number // 2 for number in numbers]
    assert [int(one[-1]) // 2 for one in newest] == [number // 2 for number in reversed(numbers)]
    assert sorted(newest) == sorted(oldest) == [f"PKG-{number}" for number in numbers]
    assert listed(caller, status="delivered", limit=limit) == ["PKG-3"]
    assert listed(caller, status="in_transit", limit=limit) == []


@pytest.mark.parametrize("limit", ["1", "2", "100"])
def test_shipments_are_found_by_a_reference(caller: Caller, pipeline: Pipeline, limit: str) -> None:
    order = f"ORDER-{limit}"
    for number in range(3):
        pipeline.put(f"{order}/{number}", "pending", T, references=[order, f"caf\u00e9-{limit}-{number}"])
        pipeline.put(f"{order}/{number}", "in_transit", T + S)
    pipeline.put(f"{order}/other", "pending", T, references=["other"])
    assert listed(caller, reference=order, limit=limit) == [f"{order}/{number}" for number in range(3)]
    body = caller.get("/shipments", reference=f"cafe\u0301-{limit}-1 ").body
    assert body["reference"] == f"caf\u00e9-{limit}-1"
    (found,) = body["shipments"]
    assert found == caller.shipment(f"{order}/1").body
    assert caller.get("/shipments", reference="unknown").body == {
        "reference": "unknown",
        "shipments": [],
        "count": 0,
    }


def test_a_reference_whose_record_is_not_there_yet_hides_nothing(caller: Caller, pipeline: Pipeline) -> None:
    for tracking_id in ("EARLY-1", "EARLY-3"):
        item = {"reference": {"S": "EARLY"}, "tracking_id": {"S": tracking_id}}
        boto3.client("dynamodb").put_item(TableName=pipeline.references, Item=item)
    pipeline.put("EARLY-2", "pending", T, references=["EARLY"])
    for limit in ("1", "2", "100"):
        assert listed(caller, reference="EARLY", limit=limit) == ["EARLY-2"]


def test_what_dynamodb_leaves_out_is_asked_for_again(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client("dynamodb", REGION)
    store = ShipmentStore(client, pipeline.shipments.table, Shards(), references=pipeline.references)
    for number in range(3):
        pipeline.put(f"PART-{number}", "pending", T, references=["PART"])
    whole = client.batch_get_item

    def one_of_them(*, RequestItems: dict[str, Any]) -> Any:  # noqa: N803
        ((table, request),) = RequestItems.items()
        answer = whole(RequestItems={table: {"Keys": request["Keys"][:1]}})
        rest = {table: {"Keys": request["Keys"][1:]}} if request["Keys"][1:] else {}
        return {**answer, "UnprocessedKeys": rest}

    monkeypatch.setattr(client, "batch_get_item", one_of_them, raising=False)
    page = store.with_reference("PART", limit=10, deadline=time.monotonic() + 10)
    assert [record.shipment.tracking_id for record in page.items] == [f"PART-{number}" for number in range(3)]
    with pytest.raises(Unavailable):
        store.with_reference("PART", limit=10, deadline=time.monotonic() - 1)


def test_a_reference_is_written_before_the_record_and_once(
    pipeline: Pipeline, shipment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    put = pipeline.projection._client.put_item

    def keep(**request: Any) -> Any:
        written.append(request["TableName"])
        return put(**request)

    monkeypatch.setattr(pipeline.projection._client, "put_item", keep)
    pipeline.put(shipment, "pending", T, references=["A", "B"])
    pipeline.put(shipment, "in_transit", T + S, references=["A", "C"])
    pipeline.put(shipment, "in_transit", T + S, references=["A", "C"])
    references, shipments = pipeline.references, pipeline.shipments.table
    assert written == [references, references, shipments, references, shipments]


@pytest.mark.parametrize("limit", ["1", "3", "100"])
def test_stalled_and_overdue_shipments_are_listed_the_longest_first(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    pipeline = Pipeline()
    variables = {**environment, **pipeline.environment}
    caller = Caller(make_api(variables), variables)
    ends = {f"PKG-{number}": T + (10 - number) * S for number in range(0, 10, 2)}
    monkeypatch.setattr(deadlines, "estimate_end", lambda shipment: ends.get(shipment.tracking_id))
    for number in range(10):
        pipeline.put(f"PKG-{number}", "in_transit", T + number * S)
    pipeline.put("PKG-9", "delivered", T + 20 * S)
    # All of this is long past, and the clock is not.
    run(make_sweep(variables))
    stalled = [f"PKG-{number}" for number in range(9)]
    overdue = [f"PKG-{number}" for number in (8, 6, 4, 2, 0)]
    assert listed(caller, stalled="true", limit=limit) == stalled
    assert listed(caller, stalled="true", order="newest", limit=limit) == stalled[::-1]
    assert listed(caller, overdue="true", limit=limit) == overdue
    answer = caller.shipment("PKG-4").body
    assert (answer["stalled"], answer["overdue"]) == (True, True)
    # Each leaves the list that it is in no more.
    pipeline.put("PKG-4", "in_transit", T + 30 * S)
    pipeline.put("PKG-6", "delivered", T + 30 * S)
    assert listed(caller, stalled="true", limit=limit) == [
        id for id in stalled if id not in ("PKG-4", "PKG-6")
    ]
    assert listed(caller, overdue="true", limit=limit) == [id for id in overdue if id != "PKG-6"]
    body = caller.get("/shipments", stalled="true").body
    assert body["stalled"] is True
    assert "status" not in body


def test_a_wrong_query_is_refused(caller: Caller) -> None:
    for query, pointer in (
        ({}, "/status"),
        ({"reference": "A", "status": "failed"}, "/status"),
        ({"reference": "A", "order": "oldest"}, "/order"),
        ({"reference": ""}, "/reference"),
        ({"reference": "x" * 101}, "/reference"),
        ({"reference": "a\nb"}, "/reference"),
        ({"reference": "\ud800"}, "/reference"),
        ({"reference": "A", "last_key": "x"}, "/last_key"),
        ({"status": "lost"}, "/status"),
        ({"status": "failed", "order": "random"}, "/order"),
        ({"stalled": "false"}, "/stalled"),
        ({"overdue": "1"}, "/overdue"),
        ({"status": "failed", "stalled": "true"}, "/stalled"),
        ({"stalled": "true", "overdue": "true"}, "/overdue"),
        ({"status": "failed", "limit": "0"}, "/limit"),
        ({"status": "failed", "last_key": "x"}, "/last_key"),
    ):
        answer = caller.get("/shipments", **query)
        assert (answer.status, answer.pointers) == (400, [pointer])


def test_a_cursor_of_one_order_is_refused_by_the_other(caller: Caller, pipeline: Pipeline) -> None:
    for number in range(3):
        pipeline.put(f"CURSOR-{number}", "delivered", T + number * S)
    query = {"status": "delivered", "limit": "1"}
    key = caller.get("/shipments", **query).body["next_key"]
    assert caller.get("/shipments", **query, last_key=key).status == 200
    assert caller.get("/shipments", **query, order="oldest", last_key=key).status == 400
    assert caller.get("/shipments", stalled="true", limit="1", last_key=key).status == 400


def test_every_page_of_a_history_tells_of_the_shipment(
    caller: Caller, pipeline: Pipeline, shipment: str
) -> None:
    for number, status in enumerate(("pending", "in_transit", "in_transit", "delivered")):
        pipeline.put(shipment, status, T + number * S)
    query = {"tracking_id": shipment, "limit": "2"}
    first = caller.get("/status", **query).body
    second = caller.get("/status", **query, last_key=first["next_key"]).body
    for page in (first, second):
        summary = page["summary"]
        assert (summary["current_status"], summary["first_update"]) == ("delivered", T)
        assert summary["last_update"] == T + 3 * S
        assert summary["page"]["updates"] == 2
