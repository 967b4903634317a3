"""The fan-out, put together as the function's environment says."""

from collections.abc import Mapping

import contract
from fanout.fanout import Fanout
from runtime.telemetry import Telemetry
from storage.outbox import make_outbox


def make_fanout(environment: Mapping[str, str]) -> Fanout:
    """The fan-out as its environment variables say. Raises KeyError for one that is missing."""
    name = environment[contract.ENVIRONMENT]
    return Fanout(outbox=make_outbox(environment), telemetry=Telemetry(name), environment=name)
