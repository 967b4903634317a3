"""Copies of the project, for tests that change its files or run it elsewhere."""

import shutil
from pathlib import Path

from main import ROOT


def copy_project(folder: Path, *shared: str) -> Path:
    """Copies the sources to `folder`; of what was built and installed, `shared` is linked and the rest is not there."""
    shutil.copytree(
        ROOT, folder, ignore=shutil.ignore_patterns(".*", "node_modules", "build", "cdktf.out", "tests")
    )
    for name in shared:
        (ROOT / name).mkdir(exist_ok=True)
        (folder / name).symlink_to(ROOT / name)
    return folder
