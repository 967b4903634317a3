"""The deliverer and the sweep, put together as the function's environment says."""

from collections.abc import Mapping

import contract
from delivery.deliverer import Deliverer
from delivery.sweep import Sweep
from runtime.telemetry import Telemetry
from storage.outbox import make_outbox


def make_delivery(environment: Mapping[str, str]) -> tuple[Deliverer, Sweep]:
    """Both as their environment variables say. Raises KeyError for one that is missing."""
    outbox, telemetry = make_outbox(environment), Telemetry(environment[contract.ENVIRONMENT])
    local = environment.get(contract.LOCAL_RECEIVERS) == "true"
    return Deliverer(outbox=outbox, telemetry=telemetry, local=local), Sweep(
        outbox=outbox, telemetry=telemetry
    )
