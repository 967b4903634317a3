"""A call gives up in time."""

import pytest

from runtime.aws import SLOWEST_CALL, make_client
from tracking.rest_request import GATEWAY_TIMEOUT


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local-secret")


def test_slowest_calls_fit_into_the_gateways_time() -> None:
    config = make_client("dynamodb", "us-east-1").meta.config
    attempts = config.retries["total_max_attempts"]
    # Standard mode waits up to 2^n s before its nth retry.
    waits = sum(2**n for n in range(attempts - 1))
    assert attempts * (config.connect_timeout + config.read_timeout) + waits <= SLOWEST_CALL
    # The last call begins SLOWEST_CALL before the end, so there has to be time for some before.
    assert GATEWAY_TIMEOUT - SLOWEST_CALL >= SLOWEST_CALL


def test_attribute_values_pass_botocore_as_they_are() -> None:
    model = make_client("dynamodb", "us-east-1").meta.service_model
    assert model.shape_for("AttributeValue").is_document_type
