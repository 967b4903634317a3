"""The whole synthesized JSON of dev and prod; `make snapshots` writes them anew."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from main import ROOT
from tests.copies import copy_project
from tests.synthesis import readable, settings, synthesize


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_synthesized(environment: str, snapshot: SnapshotAssertion) -> None:
    assert readable(synthesize(settings(environment))) == snapshot(extension_class=JSONSnapshotExtension)


def test_the_json_does_not_depend_on_the_folder_nor_on_a_line_of_a_handler(tmp_path: Path) -> None:
    # With the wheels and the packages that are there already.
    copy = copy_project(tmp_path / "somewhere else", "node_modules", "build")
    handler = copy / "lambda/tracking/handler.py"
    handler.write_text(f"{handler.read_text(encoding='utf-8')}\n# changed\n", encoding="utf-8")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    subprocess.run([sys.executable, "main.py"], cwd=copy, env=environ, check=True, timeout=120)
    there = {
        path.parent.name: json.loads(path.read_bytes()) for path in (copy / "cdktf.out").rglob("cdk.tf.json")
    }
    assert there == synthesize(settings("dev"))
    changed, same = (
        sorted(path.read_bytes() for path in folder.rglob("assets/processor*/**/*.zip"))
        for folder in (copy / "cdktf.out", ROOT / "cdktf.out")
    )
    assert changed
    assert changed != same
