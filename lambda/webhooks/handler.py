"""Entry of the function behind the routes of webhooks."""

import os
from typing import Any

from webhooks.wiring import make_api

_api = make_api(os.environ)


def handler(event: Any, context: Any) -> dict[str, Any]:
    """The answer to an event of an HTTP API, payload format 2.0, or to any other JSON value."""
    return _api.answer(event, context)
