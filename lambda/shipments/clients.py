"""AWS clients that give up while somebody is still waiting."""

from typing import Any

from botocore.config import Config
from botocore.session import Session

#: Seconds that one call takes at most: 3 attempts of 1 + 2 s, and between them up to 1 + 2 s of waiting.
SLOWEST_CALL = 12.0


def make_client(service: str, region: str, *, read_timeout: float = 2, attempts: int = 3) -> Any:
    """A botocore client, for many threads; boto3 would add only start-up time (its resources, 70 ms)."""
    config = Config(
        connect_timeout=1,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        tcp_keepalive=True,
    )
    return Session().create_client(service, region_name=region, config=config)
