"""The routes of webhooks, put together as the function's environment says."""

from collections.abc import Mapping

import contract
from runtime.telemetry import Telemetry
from storage.outbox import make_outbox
from webhooks.api import Api


def make_api(environment: Mapping[str, str]) -> Api:
    """The API as its environment variables say. Raises KeyError for one that is missing."""
    name = environment[contract.ENVIRONMENT]
    return Api(
        outbox=make_outbox(environment),
        telemetry=Telemetry(name),
        environment=name,
        local=environment.get(contract.LOCAL_RECEIVERS) == "true",
    )
