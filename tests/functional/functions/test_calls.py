"""A warm request makes one call to AWS."""

import json
from typing import Any

import pytest

from tests.fault_proxy import FaultProxy
from tests.functional.conftest import Caller
from tracking.wiring import make_api

NOW = 1_700_000_000_000


def test_post(proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any]) -> None:
    proxy.calls.clear()
    assert proxied_caller.post(update).status == 200
    assert proxy.calls == ["PutItem"]


@pytest.mark.parametrize(("path", "field"), [("/status", "tracking_id"), ("/updates", "status")])
def test_get(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any], path: str, field: str
) -> None:
    assert proxied_caller.post(update).status == 200
    proxy.calls.clear()
    assert proxied_caller.get(path, **{field: update[field]}).status == 200
    assert proxy.calls == ["Query"]


def test_get_of_what_may_be_a_carriers_number(
    proxied_caller: Caller, proxy: FaultProxy, shipment: str
) -> None:
    proxy.calls.clear()
    assert proxied_caller.get("/status", tracking_id=shipment).body["updates"] == []
    assert proxy.calls == ["Query", "Query"]


def test_history_is_what_is_stored_by_then(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any]
) -> None:
    # The embedded AWS reads consistently even if it is not asked to.
    for status in ("failed", "pending"):
        assert proxied_caller.post({**update, "timestamp": 1, "status": status}).status == 200
    proxied_caller.get("/status", tracking_id=update["tracking_id"])
    queries = [body for call, body in zip(proxy.calls, proxy.bodies, strict=True) if call == "Query"]
    # That for the next free millisecond, and that for the history.
    assert [json.loads(query)["ConsistentRead"] for query in queries] == [True, True]


def test_start_reads_both_parameters_in_one(
    proxy: FaultProxy, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    make_api(environment)
    assert proxy.calls == ["GetParameters"]
