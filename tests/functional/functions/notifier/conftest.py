"""The notifier, put together as when it is deployed, and what its calls go over."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.aws import EmbeddedAws
from notifier import wiring
from notifier.notifier import Notifier
from runtime.sdk import make_client
from tests.conftest import REGION
from tests.fault_proxy import FaultProxy
from tests.functional.conftest import Caller
from tests.pipeline import Pipeline
from tests.sns_proxy import SnsProxy, open_sns_proxy


@pytest.fixture
def pipeline(environment: dict[str, str]) -> Pipeline:
    return Pipeline()


@pytest.fixture(scope="module")
def _sns(aws: EmbeddedAws) -> Iterator[SnsProxy]:
    with open_sns_proxy(aws.endpoint) as proxy:
        yield proxy


@pytest.fixture
def sns(_sns: SnsProxy) -> SnsProxy:
    """A proxy before SNS; at first it works, and nothing has come by."""
    _sns.batches, _sns.away, _sns.refused = [], False, {}
    return _sns


@pytest.fixture(scope="module")
def _clients(_sns: SnsProxy, _proxied_caller: tuple[FaultProxy, Caller]) -> dict[str, Any]:
    """Clients over the proxies, each made once, since that takes longer than a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_SNS", _sns.endpoint)
        patch.setenv("AWS_ENDPOINT_URL", _proxied_caller[0].endpoint)
        return {service: make_client(service, REGION) for service in ("sns", "ssm")}


@pytest.fixture
def make(
    pipeline: Pipeline,
    sns: SnsProxy,
    proxy: FaultProxy,
    _clients: dict[str, Any],
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Notifier]:
    """Makes notifiers of `pipeline`, as new execution environments do, whose calls to AWS go over the two proxies."""
    monkeypatch.setattr(wiring, "make_client", lambda service, *_, **__: _clients[service])
    return lambda **variables: wiring.make_notifier({**environment, **pipeline.environment, **variables})


@pytest.fixture
def notifier(make: Callable[..., Notifier]) -> Notifier:
    return make()
