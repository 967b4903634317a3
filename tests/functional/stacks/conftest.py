"""What the tests of the stacks by Terraform share."""

import pytest

from tests import provider


@pytest.fixture(scope="session")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Terraform's variables; its data folder is shared, so that the provider is set up once."""
    return {**provider.variables(), "TF_DATA_DIR": str(tmp_path_factory.mktemp("terraform"))}
