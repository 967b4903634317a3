"""Entry of the function behind the stream of the updates' table."""

import os
from typing import Any

from projector.wiring import make_projector

_projector = make_projector(os.environ)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Lambda's partial batch response for a batch of the stream."""
    return _projector.handle(event, context)
