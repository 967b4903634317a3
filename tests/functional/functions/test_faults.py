"""Calls to AWS that fail: nothing acknowledged is lost, nothing is doubled, and the caller is told what to do."""

import time
from typing import Any

import pytest
from botocore.retries.standard import ThrottledRetryableChecker
from botocore.session import Session

from tests.conftest import environment_suffix
from tests.functional.conftest import Answer, Caller
from tests.line import Fault, Line
from tracking.wiring import make_api

pytestmark = pytest.mark.slow

NOW = 1_700_000_000_000


@pytest.fixture
def line_caller(line: Line, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    """A caller with clients of its own, since botocore retries less after many faults."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.endpoint)
    caller = Caller(make_api(environment), environment)
    line.calls.clear()
    return caller


def assert_unavailable(answer: Answer) -> None:
    """The answer asks to come back."""
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("fault", list(Fault))
def test_one_fault_is_overcome(line_caller: Caller, line: Line, update: dict[str, Any], fault: Fault) -> None:
    line.faults["PutItem"] = [fault]
    line.faults["Query"] = [fault]
    assert line_caller.post(update).status == 200
    assert line_caller.get("/status", tracking_id=update["tracking_id"]).body["count"] == 1
    assert line.calls == ["PutItem", "PutItem", "Query", "Query"]


@pytest.mark.parametrize("fault", list(Fault))
def test_lasting_fault_is_503_in_time_and_the_retry_is_stored_once(
    line_caller: Caller, line: Line, update: dict[str, Any], fault: Fault
) -> None:
    update["timestamp"] = NOW
    line.cut["PutItem"] = fault
    started = time.monotonic()
    assert_unavailable(line_caller.post(update))
    assert time.monotonic() - started < 12
    line.cut.clear()
    assert line_caller.post(update).body["timestamp"] == NOW
    assert len(line_caller.history(update["tracking_id"])) == 1


def throttles() -> list[str]:
    """The errors of the operations that are called with which DynamoDB asks to come back, by botocore's own data."""
    model = Session().get_service_model("dynamodb")
    raised = {
        shape.name for call in ("PutItem", "Query") for shape in model.operation_model(call).error_shapes
    }
    return sorted(raised & set(ThrottledRetryableChecker._THROTTLED_ERROR_CODES))


@pytest.mark.parametrize("code", throttles())
def test_each_way_to_throttle_asks_to_come_back(
    line_caller: Caller, line: Line, update: dict[str, Any], code: str
) -> None:
    line.throttle = code
    line.cut["PutItem"] = Fault.THROTTLED
    assert_unavailable(line_caller.post(update))


@pytest.mark.parametrize("path", ["/status", "/updates"])
def test_lasting_fault_of_a_query(line_caller: Caller, line: Line, path: str) -> None:
    line.cut["Query"] = Fault.THROTTLED
    assert_unavailable(line_caller.get(path, tracking_id="A", status="failed"))


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.LOST])
@pytest.mark.parametrize("place", range(3))
def test_collision_with_a_fault_at_each_call(
    line_caller: Caller, line: Line, update: dict[str, Any], fault: Fault, place: int
) -> None:
    update["timestamp"] = NOW
    other = {**update, "status": "failed"}
    line_caller.post(other)
    calls = [("PutItem", 0), ("Query", 0), ("PutItem", 1)]
    operation, before = calls[place]
    # None: the calls before the one that fails three times, which is all its attempts.
    line.faults[operation] = [None] * before + [fault] * 3
    assert_unavailable(line_caller.post(update))
    assert line_caller.post(update).body["timestamp"] == NOW + 1
    assert [one["status"] for one in line_caller.history(update["tracking_id"])] == ["in_transit", "failed"]


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.LOST])
@pytest.mark.parametrize("before", range(2))
def test_idempotency_key_with_a_fault_at_each_call(
    line_caller: Caller, line: Line, update: dict[str, Any], fault: Fault, before: int
) -> None:
    # The first call remembers the key, the second stores the update.
    line.faults["PutItem"] = [None] * before + [fault] * 3
    key = update["tracking_id"]
    assert_unavailable(line_caller.post(update, Idempotency_Key=key))
    time.sleep(0.005)
    assert line_caller.post(update, Idempotency_Key=key).status == 200
    assert len(line_caller.history(update["tracking_id"])) == 1
    assert line_caller.post({**update, "status": "failed"}, Idempotency_Key=key).status == 422


def test_a_key_that_was_remembered_while_the_answer_was_lost_counts_from_the_first_try(
    line_caller: Caller, line: Line, update: dict[str, Any]
) -> None:
    line.faults["PutItem"] = [Fault.LOST] * 3
    before = int(time.time() * 1000)
    assert_unavailable(line_caller.post(update, Idempotency_Key=update["tracking_id"]))
    after = int(time.time() * 1000)
    answer = line_caller.post(update, Idempotency_Key=update["tracking_id"])
    assert before <= answer.body["timestamp"] <= after


def test_table_that_is_gone_is_our_own_fault(environment: dict[str, str], update: dict[str, Any]) -> None:
    gone = f"tracking-data-{environment_suffix()}"
    answer = Caller(make_api({**environment, "TABLE_NAME": gone}), environment).post(update)
    assert answer.status == 500
    assert answer.body["error"] == "Internal server error"


def test_batch_tells_what_was_stored_before_the_fault(
    line_caller: Caller, line: Line, update: dict[str, Any]
) -> None:
    updates = [{**update, "timestamp": NOW + n} for n in range(3)]
    line.faults["PutItem"] = [None] + [Fault.BROKEN] * 3
    results = line_caller.post({"updates": updates}, "/track/batch").body["results"]
    assert [result["status_code"] for result in results] == [200, 503, 503]
    assert [one["timestamp"] for one in line_caller.history(update["tracking_id"])] == [NOW]
    results = line_caller.post({"updates": updates}, "/track/batch").body["results"]
    assert [result["timestamp"] for result in results] == [NOW, NOW + 1, NOW + 2]
    assert len(line_caller.history(update["tracking_id"])) == 3
