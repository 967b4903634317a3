"""The notifier, put together as when it is deployed, and what its calls go over."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.aws import EmbeddedAws
from notifier import wiring
from notifier.notifier import Notifier
from runtime.sdk import make_client
from tests.conftest import REGION
from tests.feed import Feed
from tests.functional.conftest import Caller
from tests.line import Line
from tests.sns_line import SnsLine, open_sns_line


@pytest.fixture
def feed(environment: dict[str, str]) -> Feed:
    return Feed()


@pytest.fixture(scope="module")
def _sns(aws: EmbeddedAws) -> Iterator[SnsLine]:
    with open_sns_line(aws.endpoint) as line:
        yield line


@pytest.fixture
def sns(_sns: SnsLine) -> SnsLine:
    """A line to SNS; at first it works, and nothing has come by."""
    _sns.batches, _sns.away, _sns.refused = [], False, {}
    return _sns


@pytest.fixture(scope="module")
def _clients(_sns: SnsLine, _line_caller: tuple[Line, Caller]) -> dict[str, Any]:
    """Clients over the lines, each made once, since that takes longer than a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_SNS", _sns.endpoint)
        patch.setenv("AWS_ENDPOINT_URL", _line_caller[0].endpoint)
        return {service: make_client(service, REGION) for service in ("sns", "ssm")}


@pytest.fixture
def make(
    feed: Feed,
    sns: SnsLine,
    line: Line,
    _clients: dict[str, Any],
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Notifier]:
    """Makes notifiers of `feed`, as new execution environments do, whose calls to AWS go over the two lines."""
    monkeypatch.setattr(wiring, "make_client", lambda service, *_, **__: _clients[service])
    return lambda **variables: wiring.make_notifier({**environment, **feed.environment, **variables})


@pytest.fixture
def notifier(make: Callable[..., Notifier]) -> Notifier:
    return make()
