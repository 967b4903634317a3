"""Many at once: nothing is lost, nothing is doubled."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

import tracking.wiring
import web.request
from runtime.aws import Client
from tests.functional.conftest import Answer, Caller
from tracking.wiring import make_api

pytestmark = pytest.mark.slow

THREADS = 16
NOW = 1_700_000_000_000


def _later() -> float:
    return time.monotonic() + 600


@pytest.fixture(scope="module")
def functions(environment: dict[str, str]) -> Iterator[list[Caller]]:
    """As many functions as there are threads, each with clients of its own, and with all the time they need.

    The embedded AWS answers one call after the other, and on a busy machine not within the 2 s that DynamoDB has.
    """
    later = SimpleNamespace(time=time.time, monotonic=_later)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking.wiring, "Client", partial(Client, read_timeout=60))
        patch.setattr(web.request, "time", later)
        yield [Caller(make_api(environment), environment) for _ in range(THREADS)]


@pytest.fixture
def callers(functions: list[Caller], monkeypatch: pytest.MonkeyPatch) -> list[Caller]:
    """The functions, with clocks that stand still."""
    clock = SimpleNamespace(time=lambda: NOW / 1000, monotonic=_later)
    monkeypatch.setattr(web.request, "time", clock)
    return functions


def post_all(callers: list[Caller], updates: list[dict[str, Any]], **headers: Any) -> list[Answer]:
    """The answers to `updates`, each caller sending one after the other."""
    idle = list(callers)

    def post(update: dict[str, Any]) -> Answer:
        caller = idle.pop()
        try:
            return caller.post(update, **headers)
        finally:
            idle.append(caller)

    with ThreadPoolExecutor(len(callers)) as pool:
        return list(pool.map(post, updates))


def test_45_updates_of_one_millisecond_each_sent_twice(
    callers: list[Caller], update: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # So few places that the updates meet in each part of them; test_time.py has as many as there are.
    monkeypatch.setattr("storage.updates._RUN", 30)
    monkeypatch.setattr("storage.updates._SPREAD", 15)
    answers = post_all(callers, [{**update, "metadata": {"n": n // 2}} for n in range(90)])

    assert Counter(answer.status for answer in answers) == {200: 90}
    history = callers[0].history(update["tracking_id"])
    stored = {one["metadata"]["n"]: one["timestamp"] for one in history}
    assert (len(history), len(stored), len(set(stored.values()))) == (45, 45, 45)
    assert [answer.body["timestamp"] for answer in answers] == [stored[n // 2] for n in range(90)]
    assert {NOW + n for n in range(30)} < set(stored.values())
    assert max(stored.values()) < NOW + 30 + 15 + 30


def test_one_update_sent_by_all_at_once_is_stored_once(callers: list[Caller], update: dict[str, Any]) -> None:
    answers = post_all(callers, [update] * 64)
    assert {answer.body["timestamp"] for answer in answers} == {NOW}
    assert len(callers[0].history(update["tracking_id"])) == 1


def test_one_key_sent_by_all_at_once_is_stored_once(functions: list[Caller], update: dict[str, Any]) -> None:
    answers = post_all(functions, [update] * 32, Idempotency_Key=update["tracking_id"])
    assert len({answer.body["timestamp"] for answer in answers}) == 1
    assert len(functions[0].history(update["tracking_id"])) == 1
