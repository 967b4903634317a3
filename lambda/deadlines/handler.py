"""Entry of the function that the schedule starts."""

import os
from typing import Any

from deadlines.wiring import make_sweep

_sweep = make_sweep(os.environ)


def handler(event: Any, context: Any) -> None:
    """Looks at what is due; nobody reads what this returns."""
    _sweep.handle(context)
