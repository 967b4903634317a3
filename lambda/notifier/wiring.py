"""The notifier, put together as the function's environment says."""

from collections.abc import Mapping

import contract
from notifier.notifier import Notifier
from notifier.topic import Topic
from runtime.sdk import make_client
from runtime.settings import SettingsSource
from runtime.telemetry import Telemetry


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
        topic=Topic(make_client("sns", region), environment[contract.TOPIC_ARN]),
        settings=settings,
        telemetry=telemetry,
    )
