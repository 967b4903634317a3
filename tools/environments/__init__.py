"""Virtual environments for tools whose packages do not go together with the project's own.

Beside this file, `NAME.in` names what a tool's environment holds, and `NAME.txt` locks it with hashes, made by
`uv pip compile --universal --python-version 3.11 --generate-hashes --no-header NAME.in -o NAME.txt` (uv from PyPI).
"""

import fcntl
import subprocess
import sys
from pathlib import Path

from tools.toolchain import ROOT, ToolError


def python_of(name: str) -> Path:
    """The Python of the environment with this name, which is installed if it is not there as it is locked.

    Raises:
        ToolError: the packages could not be installed.
    """
    locked = Path(__file__).with_name(f"{name}.txt")
    folder = ROOT / ".venv/environments" / name
    python, installed = folder / "bin/python", folder / "installed.txt"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests in several processes ask for the same one
        if installed.is_file() and installed.read_bytes() == locked.read_bytes():
            return python
        venv = [sys.executable, "-m", "venv", "--clear", str(folder)]
        install = [str(python), "-m", "pip", "install", "--quiet", "--no-compile"]
        install += ["--require-hashes", "-r", str(locked)]
        for command in (venv, install):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ToolError(
                    f"The packages of {locked.name} could not be installed; check the connection to the Python "
                    f"Package Index and try again. The installer said: {done.stderr.strip()[-500:]}"
                )
        installed.write_bytes(locked.read_bytes())
    return python
