"""Terraform's own opinion of the synthesized JSON."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from main import write_stacks
from tests.commands import output
from tests.synthesis import settings

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("chosen", ["dev", "prod"])
@pytest.mark.parametrize("stack", ["state", "tracking", "public"])
def test_terraform_finds_a_stack_valid_wherever_its_folder_lies(
    environ: dict[str, str], chosen: str, stack: str, tmp_path: Path
) -> None:
    with TemporaryDirectory() as folder:
        written = write_stacks([settings(chosen)], folder)
        name = stack if stack == "state" else f"{stack}-{chosen}"
        copy = tmp_path / "elsewhere"
        shutil.copytree(written / "stacks" / name, copy)
    for command in (["init", "-backend=false", "-input=false"], ["validate", "-no-color"]):
        said = output("terraform", *command, folder=copy, environ=environ)
    assert "The configuration is valid" in said
