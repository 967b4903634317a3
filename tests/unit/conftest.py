"""What the tests of the synthesized stacks share."""

from typing import Any

import pytest

from tests.synthesis import tracking


@pytest.fixture(scope="module", params=["dev", "prod"])
def env(request: pytest.FixtureRequest) -> str:
    """An environment whose settings differ in all that changes the stack's form."""
    environment: str = request.param
    return environment


@pytest.fixture
def stack(env: str) -> dict[str, Any]:
    """Its tracking stack."""
    return tracking(env)
