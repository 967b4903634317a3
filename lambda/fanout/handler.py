"""Entry of the function behind the queue of notifications."""

import os
from typing import Any

from fanout.wiring import make_fanout

_fanout = make_fanout(os.environ)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Lambda's partial batch response for a batch of the queue."""
    return _fanout.handle(event, context)
