"""The whole synthesized JSON of dev and prod; `make snapshots` writes them anew."""

import json
import os
import sys
from pathlib import Path

import pytest
from cdktf import App
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from main import add_stacks
from tests.commands import output
from tests.copies import copy_project
from tests.synthesis import readable, settings, synthesize


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_synthesized(environment: str, snapshot: SnapshotAssertion) -> None:
    assert readable(synthesize(settings(environment))) == snapshot(extension_class=JSONSnapshotExtension)


@pytest.mark.slow
def test_the_json_does_not_depend_on_the_folder_nor_on_a_line_of_a_handler(tmp_path: Path) -> None:
    # With the wheels and the packages that are there already.
    copy = copy_project(tmp_path / "somewhere else", "node_modules", "build")
    handler = copy / "lambda/tracking/handler.py"
    handler.write_text(f"{handler.read_text(encoding='utf-8')}\n# changed\n", encoding="utf-8")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    output(sys.executable, "main.py", folder=copy, environ=environ)
    app = App(outdir=str(tmp_path / "here"))
    add_stacks(app, settings("dev"))
    app.synth()
    there, here = (
        {path.parent.name: json.loads(path.read_bytes()) for path in folder.rglob("cdk.tf.json")}
        for folder in (copy / "cdktf.out", tmp_path / "here")
    )
    assert there == here
    changed, same = (
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.zip")}
        for folder in (copy / "cdktf.out", tmp_path / "here")
    )
    assert changed.keys() == same.keys()
    (package,) = (name for name in same if changed[name] != same[name])
    assert "/processor" in package
