"""AWS clients that give up while somebody is still waiting."""

from typing import Any

from botocore.config import Config
from botocore.session import Session

from runtime.connections import Connections

#: Seconds that one call takes at most: 3 attempts of 1 + 2 s, and between them up to 1 + 2 s of waiting.
SLOWEST_CALL = 12.0


def make_client(service: str, region: str, *, read_timeout: float = 2, attempts: int = 3) -> Any:
    """A botocore client, for many threads; boto3 would add only start-up time (its resources, 70 ms)."""
    config = Config(
        connect_timeout=1,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        # Of a warm call's CPU time, checking parameters takes 7 %, and composing botocore's own user agent 10 %.
        parameter_validation=False,
        user_agent="shipment-tracking",
    )
    session = Session()
    if service == "dynamodb":
        # botocore walks every attribute value through its model, a third of a warm query's CPU time. It leaves
        # documents alone, and the loader hands out the same model again.
        model = session.get_component("data_loader").load_service_model(
            service, "service-2", api_version=None
        )
        model["shapes"]["AttributeValue"]["document"] = True
    client = session.create_client(service, region_name=region, config=config)
    connections = Connections(
        connect_timeout=config.connect_timeout,
        read_timeout=config.read_timeout,
        certificates=session.get_config_variable("ca_bundle"),
    )
    client.meta.events.register("before-send", connections.send)
    return client
