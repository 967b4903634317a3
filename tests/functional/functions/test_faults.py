"""Calls to AWS that fail: nothing acknowledged is lost, nothing is doubled, and the caller is told what to do."""

import time
from typing import Any

import pytest
from botocore.retries.standard import ThrottledRetryableChecker
from botocore.session import Session

from tests.conftest import environment_suffix
from tests.fault_proxy import Fault, FaultProxy
from tests.functional.conftest import Answer, Caller
from tracking.wiring import make_api

pytestmark = pytest.mark.slow

NOW = 1_700_000_000_000


@pytest.fixture
def proxied_caller(proxy: FaultProxy, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    """A caller with clients of its own, since botocore retries less after many faults."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    caller = Caller(make_api(environment), environment)
    proxy.calls.clear()
    return caller


def assert_unavailable(answer: Answer) -> None:
    """The answer asks to come back."""
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("fault", list(Fault))
def test_one_fault_is_overcome(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any], fault: Fault
) -> None:
    proxy.faults["PutItem"] = [fault]
    proxy.faults["Query"] = [fault]
    assert proxied_caller.post(update).status == 200
    assert proxied_caller.get("/status", tracking_id=update["tracking_id"]).body["count"] == 1
    assert proxy.calls == ["PutItem", "PutItem", "Query", "Query"]


@pytest.mark.parametrize("fault", list(Fault))
def test_lasting_fault_is_503_in_time_and_the_retry_is_stored_once(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any], fault: Fault
) -> None:
    update["timestamp"] = NOW
    proxy.cut["PutItem"] = fault
    started = time.monotonic()
    assert_unavailable(proxied_caller.post(update))
    assert time.monotonic() - started < 12
    proxy.cut.clear()
    assert proxied_caller.post(update).body["timestamp"] == NOW
    assert len(proxied_caller.history(update["tracking_id"])) == 1


def throttles() -> list[str]:
    """The errors of the operations that are called with which DynamoDB asks to come back, by botocore's own data."""
    model = Session().get_service_model("dynamodb")
    raised = {
        shape.name for call in ("PutItem", "Query") for shape in model.operation_model(call).error_shapes
    }
    return sorted(raised & set(ThrottledRetryableChecker._THROTTLED_ERROR_CODES))


@pytest.mark.parametrize("code", throttles())
def test_each_way_to_throttle_asks_to_come_back(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any], code: str
) -> None:
    proxy.throttle = code
    proxy.cut["PutItem"] = Fault.THROTTLED
    assert_unavailable(proxied_caller.post(update))


@pytest.mark.parametrize("path", ["/status", "/updates"])
def test_lasting_fault_of_a_query(proxied_caller: Caller, proxy: FaultProxy, path: str) -> None:
    proxy.cut["Query"] = Fault.THROTTLED
    assert_unavailable(proxied_caller.get(path, tracking_id="A", status="failed"))


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.LOST])
@pytest.mark.parametrize("place", range(3))
def test_collision_with_a_fault_at_each_call(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any], fault: Fault, place: int
) -> None:
    update["timestamp"] = NOW
    other = {**update, "status": "failed"}
    proxied_caller.post(other)
    calls = [("PutItem", 0), ("Query", 0), ("PutItem", 1)]
    operation, before = calls[place]
    # None: the calls before the one that fails three times, which is all its attempts.
    proxy.faults[operation] = [None] * before + [fault] * 3
    assert_unavailable(proxied_caller.post(update))
    assert proxied_caller.post(update).body["timestamp"] == NOW + 1
    assert [one["status"] for one in proxied_caller.history(update["tracking_id"])] == [
        "in_transit",
        "failed",
    ]


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.LOST])
@pytest.mark.parametrize("before", range(2))
def test_idempotency_key_with_a_fault_at_each_call(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any], fault: Fault, before: int
) -> None:
    # The first call remembers the key, the second stores the update.
    proxy.faults["PutItem"] = [None] * before + [fault] * 3
    key = update["tracking_id"]
    assert_unavailable(proxied_caller.post(update, Idempotency_Key=key))
    time.sleep(0.005)
    assert proxied_caller.post(update, Idempotency_Key=key).status == 200
    assert len(proxied_caller.history(update["tracking_id"])) == 1
    assert proxied_caller.post({**update, "status": "failed"}, Idempotency_Key=key).status == 422


def test_a_key_that_was_remembered_while_the_answer_was_lost_counts_from_the_first_try(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any]
) -> None:
    proxy.faults["PutItem"] = [Fault.LOST] * 3
    before = int(time.time() * 1000)
    assert_unavailable(proxied_caller.post(update, Idempotency_Key=update["tracking_id"]))
    after = int(time.time() * 1000)
    answer = proxied_caller.post(update, Idempotency_Key=update["tracking_id"])
    assert before <= answer.body["timestamp"] <= after


def test_table_that_is_gone_is_our_own_fault(environment: dict[str, str], update: dict[str, Any]) -> None:
    gone = f"tracking-data-{environment_suffix()}"
    answer = Caller(make_api({**environment, "TABLE_NAME": gone}), environment).post(update)
    assert answer.status == 500
    assert answer.body["error"] == "Internal server error"


def test_batch_tells_what_was_stored_before_the_fault(
    proxied_caller: Caller, proxy: FaultProxy, update: dict[str, Any]
) -> None:
    updates = [{**update, "timestamp": NOW + n} for n in range(3)]
    proxy.faults["PutItem"] = [None] + [Fault.BROKEN] * 3
    results = proxied_caller.post({"updates": updates}, "/track/batch").body["results"]
    assert [result["status_code"] for result in results] == [200, 503, 503]
    assert [one["timestamp"] for one in proxied_caller.history(update["tracking_id"])] == [NOW]
    results = proxied_caller.post({"updates": updates}, "/track/batch").body["results"]
    assert [result["timestamp"] for result in results] == [NOW, NOW + 1, NOW + 2]
    assert len(proxied_caller.history(update["tracking_id"])) == 3
