"""Entry of the function behind the table's stream."""

import os
from typing import Any

from notifier.wiring import make_notifier

_notifier = make_notifier(os.environ)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Lambda's partial batch response for a batch of the table's stream."""
    return _notifier.handle(event, context)
