"""Commands that tests run."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from main import ROOT


def run(
    *command: str | Path, folder: Path = ROOT, environ: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """What a command with these variables came to, and what it printed."""
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, encoding="utf-8", check=False, timeout=600
    )


def output(*command: str | Path, folder: Path = ROOT, environ: Mapping[str, str] = os.environ) -> str:
    """What a command prints, which must succeed."""
    done = run(*command, folder=folder, environ=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
