"""What the tests of the stacks by Terraform share."""

import os

import pytest

from tools.toolchain import environment, provider_source


@pytest.fixture(scope="session")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Terraform's variables; its data folder is shared, so that the provider is set up once."""
    variables = environment(os.environ)
    data = str(tmp_path_factory.mktemp("terraform"))
    return {**variables, **provider_source("5.100.0", variables), "TF_DATA_DIR": data}
