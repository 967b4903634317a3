"""What holds for any request whatever."""

import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipments.numbers import is_storable
from shipments.tracking_id import normalize
from tests.anything import SETTINGS, anything
from tests.functional.conftest import Caller
from web import exact_json

names = st.sampled_from(
    ["tracking_id", "status", "location", "metadata", "timestamp", "lat", "lng", "updates"]
)
bodies = (
    st.dictionaries(names | st.text(max_size=5), anything, max_size=6).map(json.dumps)
    | st.builds(lambda value, fields: json.dumps({**valid(), fields: value}), anything, names)
    | st.text(st.characters(), max_size=30)
    | anything
)
parameters = st.sampled_from(["tracking_id", "status", "limit", "last_key", "since", "until"])
events = anything | st.fixed_dictionaries(
    {},
    optional={
        "httpMethod": st.sampled_from(["GET", "POST", "PUT"]) | anything,
        "path": st.sampled_from(["/track", "/track/batch", "/status", "/updates"]) | anything,
        "resource": anything,
        "headers": st.dictionaries(
            st.sampled_from(["Content-Type", "Idempotency-Key", "x"]), st.just("application/json") | anything
        )
        | anything,
        "queryStringParameters": st.dictionaries(
            parameters, st.sampled_from(["A", "failed", "1", "200"]) | st.text(st.characters()) | anything
        )
        | anything,
        "requestContext": st.fixed_dictionaries({"requestId": anything, "identity": anything}) | anything,
        "body": bodies,
        "isBase64Encoded": st.booleans() | anything,
    },
)


def valid() -> dict[str, Any]:
    """An update that is taken."""
    return {"tracking_id": str(uuid.uuid4()), "status": "pending", "location": {"lat": 1, "lng": 2}}


@pytest.mark.slow
@given(event=events)
@settings(SETTINGS, max_examples=400)
def test_any_event_gets_a_well_formed_answer_and_never_a_fault_of_ours(caller: Caller, event: Any) -> None:
    assert caller.invoke(event).status < 500


numbers = (
    st.integers(-(10**38) + 1, 10**38 - 1)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr).map(Decimal)
    | st.sampled_from([Decimal(text) for text in ("-0.0", "0E+5", "1E+3", "1.00", "1E-130", "9.9E+125")])
).filter(lambda number: isinstance(number, int) or is_storable(number))
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
name = text.filter(bool)
storable = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(name, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.slow
@given(
    metadata=st.dictionaries(name, storable, max_size=5),
    latitude=st.decimals(-90, 90, places=7) | st.floats(-90, 90).map(repr).map(Decimal),
    tracking_id=st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn"]), max_size=60).map(
        normalize
    ),
    status=st.sampled_from(["pending", "in_transit", "delivered", "failed"]),
)
@settings(SETTINGS, max_examples=150)
def test_any_update_is_read_back_equal(
    caller: Caller, metadata: dict[str, Any], latitude: Decimal, tracking_id: str, status: str
) -> None:
    update = {
        "tracking_id": normalize(f"{tracking_id}{uuid.uuid4()}"),
        "status": status,
        "location": {"lat": latitude if is_storable(latitude) else Decimal(0), "lng": Decimal("-180.0")},
        "metadata": metadata,
    }
    answer = caller.post(exact_json.dumps(update))
    assert answer.status == 200, answer
    event = {"path": "/status", "httpMethod": "GET"}
    query = {"queryStringParameters": {"tracking_id": update["tracking_id"]}}
    (stored,) = exact_json.loads(caller.api.answer({**event, **query}, None)["body"])["updates"]
    got = {name: stored[name] for name in update}
    # As texts, since 1, 1.0, True and -0.0 are too equal to each other.
    assert spelled(got) == spelled(update)


def spelled(value: Any) -> str:
    """The JSON text of `value`, its members in order."""
    if isinstance(value, dict):
        return str(sorted((name, spelled(member)) for name, member in value.items()))
    return str([spelled(member) for member in value]) if isinstance(value, list) else exact_json.dumps(value)


@pytest.mark.slow
@given(
    there=st.lists(st.integers(0, 200), unique=True, max_size=25),
    written=st.lists(st.lists(st.integers(0, 200), max_size=4), max_size=12),
    limit=st.integers(1, 9),
)
@settings(SETTINGS, max_examples=25)
def test_pages_visit_every_update_once_whatever_is_written_meanwhile(
    caller: Caller, there: list[int], written: list[list[int]], limit: int
) -> None:
    update = valid()
    for timestamp in there:
        caller.post({**update, "timestamp": timestamp})
    seen, query, meanwhile = [], {"tracking_id": update["tracking_id"], "limit": str(limit)}, iter(written)
    while True:
        page = caller.get("/status", **query).body
        seen += [one["timestamp"] for one in page["updates"]]
        if "next_key" not in page:
            break
        query["last_key"] = page["next_key"]
        for timestamp in next(meanwhile, []):
            caller.post({**update, "timestamp": timestamp, "status": "failed"})
    assert seen == sorted(set(seen), reverse=True)
    assert set(there) <= set(seen)
