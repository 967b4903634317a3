"""That the functions call all that tests/rights.py lists; the fixture `calls` finds what they call beyond it."""

from typing import Any

import pytest

from notifier.wiring import make_notifier
from tests.feed import Feed
from tests.functional.conftest import Caller
from tests.functional.functions.test_notifier import handle
from tests.functional.functions.test_public import Public
from tests.rights import FUNCTIONS, Right
from tracking.wiring import make_api


def use_tracking(environment: dict[str, str], update: dict[str, Any]) -> None:
    caller = Caller(make_api(environment), environment)
    assert caller.post(update, Idempotency_Key="key").status == 200
    assert caller.get("/status", tracking_id=update["tracking_id"]).status == 200
    assert caller.get("/updates", status=update["status"]).status == 200


def use_notifier(environment: dict[str, str], update: dict[str, Any]) -> None:
    feed = Feed()
    feed.put(update["tracking_id"], update["status"])
    assert handle(make_notifier(environment | feed.environment), feed.records()) == []
    assert len(feed.told()) == 1


def use_public(environment: dict[str, str], update: dict[str, Any]) -> None:
    assert Public(environment).get(f"/shipments/{update['tracking_id']}").status == 404


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_listed_call_is_made(
    function: str, environment: dict[str, str], update: dict[str, Any], calls: dict[str, set[Right]]
) -> None:
    calls[function].clear()
    globals()[f"use_{function}"](environment, update)
    assert calls[function] == FUNCTIONS[function].calls
