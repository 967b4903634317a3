"""AWS's SDK, for the functions that nobody waits for."""

from typing import Any

import boto3
from botocore.config import Config


def make_client(service: str, region: str) -> Any:
    """A client that gives up while the batch can still be tried again."""
    config = Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": 3},
        parameter_validation=False,  # of a call's CPU time, it takes 7 %
        # botocore would put one together for each call, which takes a fifth of its CPU time.
        user_agent=f"Boto3/{boto3.__version__}",
    )
    return boto3.client(service, region_name=region, config=config)
