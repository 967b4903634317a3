"""Shipments whose tracking ids are CARRIER:NUMBER, asked for by their bare numbers."""

import uuid
from typing import Any

import pytest

from shipments.tracking_id import is_of_carrier
from tests.functional.conftest import Caller
from tests.functional.functions.conftest import BROWSER, Public
from tests.pipeline import Pipeline
from tests.senders import Sender
from tracking.wiring import make_api


@pytest.fixture(scope="module")
def pipeline(environment: dict[str, str]) -> Pipeline:
    return Pipeline()


@pytest.fixture(scope="module")
def caller(pipeline: Pipeline, environment: dict[str, str]) -> Caller:
    variables = {**environment, **pipeline.environment}
    return Caller(make_api(variables), variables)


@pytest.fixture(scope="module")
def public(pipeline: Pipeline, environment: dict[str, str]) -> Public:
    return Public({**environment, **pipeline.environment})


@pytest.fixture
def number() -> str:
    """A number that no other test knows."""
    return f"N-{uuid.uuid4()}"


def put(pipeline: Pipeline, tracking_id: str, *references: str, time: int = 1) -> str:
    optional: dict[str, Any] = {"references": list(references)} if references else {}
    pipeline.put(tracking_id, "pending", time, **optional)
    return tracking_id


def shown(caller: Caller, public: Public, tracking_id: str) -> list[tuple[int, Any]]:
    """The status and the tracking id of each answer, or the ids to choose from."""
    answers = (
        caller.shipment(tracking_id),
        caller.get("/status", tracking_id=tracking_id),
        public.get(f"/shipments/{tracking_id}"),
    )
    return [
        (
            answer.status,
            answer.body.get("tracking_id") or [fault["detail"] for fault in answer.body["errors"]],
        )
        for answer in answers
    ]


def test_a_number_of_one_carrier_finds_its_shipment(
    pipeline: Pipeline, caller: Caller, public: Public, number: str
) -> None:
    tracking_id = put(pipeline, f"dhl:{number}", number, "ORDER-1")
    for asked in (tracking_id, number, f" {number} "):
        assert shown(caller, public, asked)[:2] == [(200, tracking_id)] * 2
    assert shown(caller, public, number)[2] == (200, tracking_id)


def test_a_number_of_several_carriers_is_to_be_chosen_from(
    pipeline: Pipeline, caller: Caller, public: Public, number: str
) -> None:
    ids = [put(pipeline, f"{carrier}:{number}", number) for carrier in ("dhl", "ups")]
    assert shown(caller, public, number) == [(409, ids)] * 3
    assert caller.shipment(number).body["code"] == "ambiguous"
    answer = public.get(f"/shipments/{number}", accept=BROWSER)
    assert answer.status == 409
    for carrier in ("dhl", "ups"):
        assert f'<a href="./{carrier}%3A{number}">{carrier}</a>' in answer.body["html"]
    for tracking_id in ids:
        assert shown(caller, public, tracking_id) == [(200, tracking_id)] * 3


def test_a_shipment_with_just_this_id_comes_first(
    pipeline: Pipeline, caller: Caller, public: Public, number: str
) -> None:
    put(pipeline, f"dhl:{number}", number)
    put(pipeline, f"ups:{number}", number)
    put(pipeline, number)
    assert shown(caller, public, number) == [(200, number)] * 3


def test_no_other_reference_leads_to_a_shipment(
    pipeline: Pipeline, caller: Caller, public: Public, number: str
) -> None:
    order = f"ORDER-{number}"
    put(pipeline, f"dhl:{number}", number, order)
    put(pipeline, f"{number}-other", order)
    put(pipeline, f"dhl:{order}:1", order)
    put(pipeline, f":{order}", order)
    assert [status for status, _ in shown(caller, public, order)] == [404, 200, 404]
    assert caller.get("/status", tracking_id=order).body["updates"] == []


def test_the_pages_of_a_history_go_on_with_the_bare_number(
    pipeline: Pipeline, caller: Caller, public: Public, number: str
) -> None:
    for time in range(1, 6):
        put(pipeline, f"dhl:{number}", number, time=time)
    assert [update["timestamp"] for update in caller.history(number, limit=2)] == [5, 4, 3, 2, 1]
    times, key = [], ""
    while True:
        answer = public.get(f"/shipments/{number}?limit=2{key}")
        times += [update["timestamp"] for update in answer.body["updates"]]
        if "next_key" not in answer.body:
            break
        key = f"&last_key={answer.body['next_key']}"
    assert times == [5, 4, 3, 2, 1]


def test_what_a_source_of_a_carrier_sends_is_found_by_the_number(
    pipeline: Pipeline, environment: dict[str, str], number: str
) -> None:
    chosen = {"mapping": "generic", "carrier": "acme"}
    sender = Sender.of({**environment, **pipeline.environment}, "demo", chosen)
    update = {"tracking_id": number, "status": "pending", "place": {"country": "DE"}, "timestamp": 1}
    many = [f"R{place}" for place in range(5)]
    for references in ([], ["ORDER-1", number], many):
        assert sender.send({**update, "references": references} if references else update).body == {
            "stored": 1,
            "kept": 0,
        }
    images = [record["dynamodb"]["NewImage"] for record in pipeline.updates.records()]
    found = [image for image in images if image["tracking_id"]["S"] == f"acme:{number}"]
    told = [[reference["S"] for reference in image["references"]["L"]] for image in found]
    assert told == [[number], [number, "ORDER-1"], [number, *many[:4]]]
    assert {image["carrier"]["S"] for image in found} == {"acme"}


@pytest.mark.parametrize(
    ("tracking_id", "number", "expected"),
    [
        ("dhl:1", "1", True),
        ("1", "1", False),
        (":1", "1", False),
        ("dhl:1:2", "1:2", True),
        ("dhl:12", "2", False),
    ],
)
def test_whose_a_tracking_id_is(tracking_id: str, number: str, expected: bool) -> None:
    assert is_of_carrier(tracking_id, number) is expected
