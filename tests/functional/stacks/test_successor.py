"""The same sources under CDK Terrain, which CDKTF goes on as, and under the bindings of the AWS provider 6."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from main import ROOT
from tests.commands import output
from tests.copies import copy_project
from tools.environments import python_of

pytestmark = pytest.mark.slow

#: What may differ: where in a stack's JSON, and what stands there under CDKTF, CDK Terrain and the provider 6.
VERSIONS = {
    ("//", "metadata", "version"): ("0.21.0", "0.24.0", "0.21.0"),
    ("terraform", "required_providers", "aws", "version"): ("5.100.0", "6.69.1", "6.25.0"),
    ("terraform", "required_providers", "aws", "source"): ("aws", "hashicorp/aws", "aws"),
}


def synthesized(python: str, script: str, outputs: Path, project: Path = ROOT) -> dict[str, Any]:
    """The JSON of the stacks of prod, by a Python of its own."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    environ |= {"CDKTF_OUTDIR": str(outputs), "ENVIRONMENT_SUFFIX": "prod"}
    environ["PYTHONPATH"] = str(project / "lambda")  # as `make install` has it in .venv
    output(python, script, folder=project, environ=environ)
    return {path.parent.name: json.loads(path.read_bytes()) for path in outputs.rglob("cdk.tf.json")}


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    # Which also builds the Lambda packages, for all frameworks the same.
    return synthesized(str(ROOT / ".venv/bin/python"), "main.py", tmp_path_factory.mktemp("cdktf"))


@pytest.mark.parametrize(("framework", "column"), [("cdktn", 1), ("aws6", 2)])
def test_the_json_is_the_same_but_for_versions(
    today: dict[str, Any], framework: str, column: int, tmp_path: Path
) -> None:
    stacks = synthesized(str(python_of(framework)), "tests/successor.py", tmp_path)
    assert stacks.keys() == today.keys()
    for name, stack in stacks.items():
        for path, versions in VERSIONS.items():
            *parents, key = path
            place = stack
            for parent in parents:
                place = place[parent]
            assert place[key] == versions[column]
            place[key] = versions[0]
        assert stack == today[name]


def test_the_documented_commands_change_every_name(today: dict[str, Any], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "tests", copy_project(copy, ".venv", "node_modules", "build") / "tests")
    commands = (
        (ROOT / "docs/successor.md").read_text(encoding="utf-8").partition("```sh")[2].partition("```")[0]
    )
    output("sh", "-ec", commands, folder=copy)
    for path in copy.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(from|import) cdktf|cdktf_cdktf_provider_aws", text, re.MULTILINE), path
    stacks = synthesized(str(python_of("cdktn")), "main.py", tmp_path / "out", copy)
    assert stacks.keys() == today.keys()
