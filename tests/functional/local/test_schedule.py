"""The ticker, with schedules of the embedded AWS."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.aws import client
from local.function import Function
from local.schedule import Ticker
from tests.functional.local.runner import REGION, Runner
from tests.stream_functions import eventually

HANDLER = (
    "def handler(event, context):\n    print('STARTED', event.get('n'))\n    assert not event.get('fail')\n"
)

Schedule = Callable[..., None]


@pytest.fixture
def function(runner: Runner) -> Function:
    return runner(HANDLER)


@pytest.fixture
def schedule(runner: Runner, function: Function) -> Schedule:
    """Makes, or changes, the schedule of the function."""
    scheduler = client("scheduler", runner.endpoint, REGION)

    def put(
        expression: str = "rate(5 minutes)", event: dict[str, Any] | None = None, **settings: Any
    ) -> None:
        target = {"Arn": function.arn, "RoleArn": "arn:aws:iam::123456789012:role/role"}
        wanted = {
            "Name": function.name,
            "ScheduleExpression": expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {**target, **({"Input": json.dumps(event)} if event else {})},
            "State": "ENABLED",
            **settings,
        }
        try:
            scheduler.create_schedule(**wanted)
        except scheduler.exceptions.ConflictException:
            scheduler.update_schedule(**wanted)

    return put


@pytest.fixture
def make(runner: Runner, function: Function) -> Callable[..., Ticker]:
    return lambda **options: Ticker(function, endpoint=runner.endpoint, region=REGION, **options)


@pytest.mark.parametrize(
    ("expression", "seconds"), [("rate(5 minutes)", 300), ("rate(1 hour)", 3600), ("rate(2 days)", 172_800)]
)
def test_the_deployed_rate_is_kept(
    schedule: Schedule, make: Callable[..., Ticker], expression: str, seconds: int
) -> None:
    schedule(expression)
    ticker = make()
    assert (ticker.expression, ticker.seconds) == (expression, seconds)
    assert make(seconds=3).seconds == 3
    schedule("rate(7 minutes)")
    ticker.read()
    assert ticker.seconds == 420


def test_the_function_is_started_again_and_again_also_after_it_failed(
    runner: Runner, schedule: Schedule, make: Callable[..., Ticker]
) -> None:
    schedule(event={"n": 1, "fail": True})
    with make(seconds=0.05):
        eventually(lambda: runner.log.count("STARTED 1") >= 3)


@pytest.mark.parametrize("settings", [{"State": "DISABLED"}, {"expression": "cron(0 12 * * ? *)"}])
def test_what_starts_nothing_here_is_refused(
    schedule: Schedule, make: Callable[..., Ticker], settings: dict[str, str]
) -> None:
    with pytest.raises(LookupError, match="No schedule starts"):
        make()
    schedule(**settings)
    with pytest.raises(LookupError):
        make()
