"""POST /track/batch."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fault_proxy import FaultProxy
from tests.functional.conftest import Caller
from tracking.wiring import make_api

NOW = 1_700_000_000_000


def test_each_update_has_its_own_result(caller: Caller, update: dict[str, Any]) -> None:
    updates: list[Any] = [
        {**update, "timestamp": NOW},
        {**update, "timestamp": NOW, "status": "failed"},
        {**update, "status": "lost"},
        None,
        {"tracking_id": {}},
        {**update, "timestamp": NOW},
        {**update, "metadata": {"note": "x" * 410_000}},
    ]
    answer = caller.post({"updates": updates}, "/track/batch")
    assert answer.status == 200
    assert (answer.body["stored"], answer.body["refused"]) == (3, 4)
    results = answer.body["results"]
    assert [result["status_code"] for result in results] == [200, 200, 400, 400, 400, 200, 413]
    assert [results[n]["timestamp"] for n in (0, 1, 5)] == [NOW, NOW + 1, NOW]
    assert results[2]["errors"][0]["pointer"] == "/status"
    assert set(results[3]) == {"status_code", "error", "code", "request_id", "errors"}
    assert len(caller.history(update["tracking_id"])) == 2


def test_field_that_is_there_twice_spoils_its_own_update_alone(
    caller: Caller, update: dict[str, Any]
) -> None:
    text = json.dumps({"updates": [update, "?"]}).replace('"?"', '{"a":1,"a":2}')
    results = caller.post(text, "/track/batch").body["results"]
    assert [result["status_code"] for result in results] == [200, 400]


def test_100_updates_of_many_shipments(caller: Caller, shipment: str, update: dict[str, Any]) -> None:
    updates = [{**update, "tracking_id": f"{shipment}-{n % 7}", "timestamp": NOW + n} for n in range(100)]
    answer = caller.post({"updates": updates}, "/track/batch")
    assert [result["timestamp"] for result in answer.body["results"]] == [NOW + n for n in range(100)]
    assert sum(len(caller.history(f"{shipment}-{n}")) for n in range(7)) == 100


@pytest.mark.parametrize("envelope", [{}, [], {"updates": []}, {"updates": {}}, {"updates": [1] * 101}, None])
def test_bad_envelope(caller: Caller, envelope: Any) -> None:
    assert caller.post(envelope, "/track/batch").status == 400


def test_key_makes_a_retry_the_same_batch(caller: Caller, shipment: str, update: dict[str, Any]) -> None:
    envelope = {"updates": [{**update, "tracking_id": f"{shipment}-{n}"} for n in range(3)]}
    first = caller.post(envelope, "/track/batch", Idempotency_Key=shipment)
    assert caller.post(envelope, "/track/batch", Idempotency_Key=shipment).body == first.body
    assert [len(caller.history(f"{shipment}-{n}")) for n in range(3)] == [1, 1, 1]


def test_flag_off(environment: dict[str, str], put_parameters: Callable[..., Any]) -> None:
    names = put_parameters('{"batch_processing":false}', "{}")
    answer = Caller(make_api({**environment, **names}), environment).post({"updates": [{}]}, "/track/batch")
    assert answer.status == 403
    assert "batch_processing" in answer.body["error"]


def test_updates_of_one_shipment_keep_their_order(caller: Caller, update: dict[str, Any]) -> None:
    updates = [{**update, "metadata": {"n": n}} for n in range(40)]
    answer = caller.post({"updates": updates}, "/track/batch")
    times = [result["timestamp"] for result in answer.body["results"]]
    assert times == [times[0] + n for n in range(40)]
    assert [one["metadata"]["n"] for one in caller.history(update["tracking_id"])] == [*range(39, -1, -1)]


def test_retry_does_not_reverse_a_history(
    proxied_caller: Caller, proxy: FaultProxy, shipment: str, update: dict[str, Any]
) -> None:
    updates: list[dict[str, Any]] = [
        {**update, "status": status} for status in ("pending", "in_transit", "?", "delivered")
    ]
    updates.insert(2, {**update, "tracking_id": f"{shipment}-2"})
    # The first call is that of the key, and one that fails is tried three times.
    proxy.broken.append(b'"in_transit"')
    results = proxied_caller.post({"updates": updates}, "/track/batch", Idempotency_Key=shipment).body[
        "results"
    ]
    assert [result["status_code"] for result in results] == [200, 503, 503, 400, 503]
    assert "earlier update" in results[4]["error"]
    proxy.broken.clear()
    retried = proxied_caller.post({"updates": updates}, "/track/batch", Idempotency_Key=shipment).body[
        "results"
    ]
    assert [result["status_code"] for result in retried] == [200, 200, 200, 400, 200]
    assert retried[0] == results[0]
    history = [one["status"] for one in proxied_caller.history(update["tracking_id"])]
    assert history == ["delivered", "in_transit", "pending"]
