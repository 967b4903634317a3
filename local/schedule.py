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
        self._scheduler = client("scheduler", endpoint, region)
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
        schedule = self._schedule()
        self.expression: str = schedule["ScheduleExpression"]
        rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", self.expression)
        if not rate:
            raise LookupError(f"{self._function.name} is started by {self.expression}, which is no rate.")
        self.seconds = self._asked or int(rate[1]) * _SECONDS[rate[2]]
        self._event = json.loads(schedule["Target"].get("Input") or "{}")

    def _schedule(self) -> dict[str, Any]:
        for page in self._scheduler.get_paginator("list_schedules").paginate():
            for found in page["Schedules"]:
                if found["Target"]["Arn"] == self._function.arn and found["State"] == "ENABLED":
                    schedule: dict[str, Any] = self._scheduler.get_schedule(
                        GroupName=found["GroupName"], Name=found["Name"]
                    )
                    return schedule
        raise LookupError(f"No schedule starts {self._function.name}.")

    def _run(self) -> None:
        while not self._stopped.wait(self.seconds):
            self._function.invoke(self._event)
