"""`make mutants`: whether the tests find each of the faults in tests/mutants.toml.

Each changes one place in a copy of the project, and the tests that are named beside it must fail there. It is a list,
since what general tools change (mutmut, cosmic-ray) leaves out what the stacks declare, and takes a run of the tests
for every operator in the code.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tools.failures import one_sentence
from tools.toolchain import ROOT, ToolError

_LIST = ROOT / "tests/mutants.toml"
#: What does not change with the code.
_SHARED = (".venv", "node_modules", "build")
#: pytest's exit codes.
_PASSED, _FAILED = 0, 1


class Mutant(NamedTuple):
    """A fault: `old` is in the file once, and `new` stands in its place. The tests are named as for pytest."""

    fault: str
    path: str
    old: str
    new: str
    test: str

    def put_into(self, folder: Path) -> None:
        """Changes the copy of the project in `folder`. Raises ToolError."""
        path = folder / self.path
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if text.count(self.old) != 1:
            raise ToolError(
                f"{self.fault}: {self.path} must have this once, so mend {_LIST.name}: {self.old}"
            )
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def run(tests: list[str], mutant: Mutant | None = None) -> tuple[int, str]:
    """pytest's exit code and output for `tests` in a copy of the project, which has `mutant`. Raises ToolError."""
    with TemporaryDirectory() as name:
        folder = Path(name, ROOT.name)
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", *_SHARED, "cdktf.out"))
        for shared in _SHARED:
            (folder / shared).symlink_to(ROOT / shared)
        if mutant:
            mutant.put_into(folder)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def check(mutant: Mutant) -> bool:
    """Prints whether the mutant's test finds it. Raises ToolError if it neither passed nor failed."""
    code, output = run([mutant.test], mutant)
    if code not in (_PASSED, _FAILED):
        raise ToolError(f"{mutant.fault}: {mutant.test} could not be run:\n{output[-2000:]}")
    print(f"{'found   ' if code == _FAILED else 'SURVIVED'}  {mutant.fault}  ({mutant.path})", flush=True)
    return code == _FAILED


def main() -> None:
    """Raises SystemExit: a mutant survives; ToolError: the tests cannot tell."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument(
        "part", nargs="?", default="", help="only the faults whose description has this in it"
    )
    part = parser.parse_args().part
    every = [Mutant(**entry) for entry in tomllib.loads(_LIST.read_text(encoding="utf-8"))["mutant"]]
    mutants = [mutant for mutant in every if part in mutant.fault]
    code, output = run(sorted({mutant.test for mutant in mutants}))
    if code != _PASSED:
        raise ToolError(f"The tests fail without any fault:\n{output[-2000:]}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        survivors = list(pool.map(check, mutants)).count(False)
    print(f"{len(mutants) - survivors} of {len(mutants)} faults are found")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    with one_sentence():
        main()
