"""The notifier, put together as the function's environment says."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

import contract
from notifier.changes import History
from notifier.notifier import Notifier
from notifier.topic import Topic
from runtime.settings import SettingsSource
from runtime.telemetry import Telemetry


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


def make_notifier(environment: Mapping[str, str]) -> Notifier:
    """The notifier as its environment variables say. Raises KeyError for one that is missing."""
    region = environment[contract.REGION]
    telemetry = Telemetry(environment[contract.ENVIRONMENT])
    settings = SettingsSource(
        make_client("ssm", region), telemetry, flags=environment[contract.FEATURE_FLAGS_PARAM]
    )
    # Before the first batch, while Lambda still lends the whole processor.
    settings.current()
    return Notifier(
        history=History(make_client("dynamodb", region), environment[contract.TABLE_NAME]),
        topic=Topic(make_client("sns", region), environment[contract.TOPIC_ARN]),
        settings=settings,
        telemetry=telemetry,
    )
