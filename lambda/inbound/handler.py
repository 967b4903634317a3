"""Entry of the function behind POST /inbound/{source}."""

import gc
import os
from typing import Any

# What is being loaded is no garbage, and looking through it takes time at a cold start.
gc.disable()

from inbound.wiring import make_api  # noqa: E402

_api = make_api(os.environ)
gc.freeze()
gc.enable()


def handler(event: Any, context: Any) -> dict[str, Any]:
    """The answer to an event of an HTTP API, payload format 2.0, or to any other JSON value.

    Who may invoke the function itself may have what was kept mapped again.
    """
    if isinstance(event, dict) and "kept" in event:
        return _api.map_again(event["kept"], context)
    return _api.answer(event, context)
