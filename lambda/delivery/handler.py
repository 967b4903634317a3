"""Entry of the function behind the queue of deliveries, which a schedule starts too."""

import os
from typing import Any

from delivery.wiring import make_delivery

_deliverer, _sweep = make_delivery(os.environ)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Lambda's partial batch response for a batch of the queue; the schedule's event has no records."""
    if "Records" in event:
        return _deliverer.handle(event, context)
    _sweep.handle(context)
    return None
