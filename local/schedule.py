"""Starts a function on this machine as the deployed schedule says; the embedded AWS itself starts none.

The schedule is read back through the control plane. Where this differs from EventBridge Scheduler and Lambda:

- The first start is one interval after this begins. A next one waits for the end of the one before it.
- A start that fails is not tried again before the next one; the function's log tells of it.
"""

import json
import re
import threading
from types import TracebackType
from typing import Any, Self

from local.aws import client
from local.function import Function

_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


def scheduled_functions(*, endpoint: str, region: str) -> dict[str, dict[str, Any]]:
    """The enabled schedules, by the ARNs of the functions that they start."""
    scheduler = client("scheduler", endpoint, region)
    return {
        found["Target"]["Arn"]: scheduler.get_schedule(GroupName=found["GroupName"], Name=found["Name"])
        for page in scheduler.get_paginator("list_schedules").paginate()
        for found in page["Schedules"]
        if found["State"] == "ENABLED"
    }


class Ticker:
    """Starts a function while the context lasts.

    Args:
        function: the function that a schedule starts.
        endpoint: base URL of the embedded AWS.
        region: the schedule's region.
        seconds: between two starts, if not as the schedule says.

    Raises:
        LookupError: no enabled schedule with a rate starts the function.
    """

    def __init__(
        self, function: Function, *, endpoint: str, region: str, seconds: float | None = None
    ) -> None:
        self._function = function
        self._place = {"endpoint": endpoint, "region": region}
        self._asked = seconds
        self.read()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def read(self) -> None:
        """Read the schedule as it is deployed now. Raises as the constructor does."""
        schedule = scheduled_functions(**self._place).get(self._function.arn)
        if schedule is None:
            raise LookupError(f"No schedule starts {self._function.name}.")
        self.expression: str = schedule["ScheduleExpression"]
        rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", self.expression)
        if not rate:
            raise LookupError(f"{self._function.name} is started by {self.expression}, which is no rate.")
        self.seconds = self._asked or int(rate[1]) * _SECONDS[rate[2]]
        self._event = json.loads(schedule["Target"].get("Input") or "{}")

    def _run(self) -> None:
        while not self._stopped.wait(self.seconds):
            self._function.invoke(self._event)
