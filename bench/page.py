"""What the customer's page costs, in CPU ms: a route, positions all over the world, and a page that has not changed.

`python -m bench.page`. The table is in this process and answers at once.
"""

import contextlib
import io
import os
import random
import time
from statistics import median
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from public import atlas
from public.api import Api
from runtime.telemetry import Telemetry
from shipments.page import Page, Position

ROUNDS = 30
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "tracking-public",
    "POWERTOOLS_METRICS_NAMESPACE": "LogisticsTracking",
}
ROUTE = ((38.72, -9.14), (40.42, -3.70), (48.86, 2.35), (50.11, 8.68), (52.52, 13.41), (59.44, 24.75))


def measure(places: list[tuple[float, float]]) -> tuple[float, float]:
    """CPU ms of a page, and of the answer that it has not changed."""
    updates: list[dict[str, Any]] = [
        {
            "tracking_id": "BENCH",
            "status": "in_transit",
            "timestamp": 1_780_328_400_000 + number,
            "location": {"lat": lat, "lng": lng},
        }
        for number, (lat, lng) in enumerate(places)
    ]
    found = Page(updates, [Position("BENCH", update["timestamp"]) for update in updates], more=False)
    api = Api(
        store=SimpleNamespace(history=lambda *_, **__: found),  # type: ignore[arg-type]
        records=None,
        environment="bench",
        region="us-east-1",
        telemetry=Telemetry("bench"),
    )

    def ask(**headers: str) -> tuple[dict[str, Any], float]:
        event = {
            "rawPath": "/shipments/BENCH",
            "requestContext": {"http": {"method": "GET"}},
            "headers": {"accept": "text/html", **headers},
            "queryStringParameters": {"limit": "100"},
        }
        atlas.near.cache_clear()
        started = time.process_time()
        answer = api.answer(event, None)
        return answer, (time.process_time() - started) * 1000

    with contextlib.redirect_stdout(io.StringIO()):  # the log
        etag = ask()[0]["headers"]["ETag"]
        page = median(ask()[1] for _ in range(ROUNDS))
        unchanged = median(ask(**{"if-none-match": etag})[1] for _ in range(ROUNDS))
    return page, unchanged


@patch.dict(os.environ, ENVIRONMENT)
def main() -> None:
    """Measure, and print the table."""
    # The worst for the map: nothing of the world is out of sight, and no two places are near each other.
    scattered = random.Random(1)
    places = [(scattered.uniform(-60, 70), scattered.uniform(-180, 180)) for _ in range(100)]
    print(f"\nThe customer's page: CPU ms, medians of {ROUNDS}")
    for title, positions in (("a route of 6 positions", list(ROUTE)), ("100 scattered positions", places)):
        page, unchanged = measure(positions)
        print(f"  {title:26} {page:6.2f}  unchanged (304) {unchanged:6.2f}")


if __name__ == "__main__":
    main()
