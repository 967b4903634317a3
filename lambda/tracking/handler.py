"""Entry of the function behind the signed tracking API."""

import gc
import os
from typing import Any

# What is being loaded is no garbage, and looking through it takes 8 % of a cold start.
gc.disable()

from tracking.wiring import make_api  # noqa: E402

_api = make_api(os.environ)
gc.freeze()
gc.enable()


def handler(event: Any, context: Any) -> dict[str, Any]:
    """The answer to an event of API Gateway's proxy integration, or to any other JSON value."""
    return _api.answer(event, context)
