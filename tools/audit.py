"""`make audit`: asks PyPI and npm for known vulnerabilities of every package that a lock file names."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence

from tools.environments import python_of
from tools.failures import one_sentence
from tools.toolchain import ROOT, ToolError

#: npm's packages build and test, and none is shipped; below this severity they are shown and do not fail.
NPM = ("npm", "audit", "--package-lock-only", "--audit-level=high")
#: Without --strict a package that PyPI does not answer for is skipped.
PIP = ("-m", "pip_audit", "--strict", "--disable-pip", "--progress-spinner=off", "--requirement=/dev/stdin")


def requirements() -> Iterator[tuple[str, str]]:
    """Every locked set of Python packages: its name, and its requirements with their hashes."""
    # Without environment markers, so that what other machines install is looked up too.
    command = [sys.executable, "-m", "pipenv", "requirements", "--hash", "--exclude-markers", "--categories"]
    for section in tomllib.loads((ROOT / "Pipfile").read_text("utf-8")):
        if section != "source":
            done = subprocess.run([*command, section], cwd=ROOT, capture_output=True, text=True, check=True)
            yield f"Pipfile.lock, {section}", done.stdout
    for path in (ROOT / "tools/pipenv.txt", *sorted((ROOT / "tools/environments").glob("*.txt"))):
        yield str(path.relative_to(ROOT)), path.read_text("utf-8")


def audit(name: str, command: Sequence[str], text: str = "") -> bool:
    """Prints the known vulnerabilities of one set; tells whether there are none. Raises ToolError."""
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
    # What was found goes to the standard output, what went wrong to the other one.
    if done.returncode and (not done.stdout.strip() or "npm error" in done.stderr):
        raise ToolError(
            f"The list of vulnerabilities could not be read, so {name} was not audited; check the connection "
            f"to the package registry and try again. It said: {done.stderr.strip().splitlines()[-1]}"
        )
    print(f"{name}: {done.stdout.strip() or 'no known vulnerabilities'}")
    return done.returncode == 0


def main() -> None:
    """Raises SystemExit: a vulnerability is known; ToolError: a service does not answer."""
    pip = (str(python_of("supply_chain")), *PIP)
    passed = [audit(name, pip, text) for name, text in requirements()]
    passed.append(audit("package-lock.json", NPM))
    if not all(passed):
        sys.exit("Error: packages with known vulnerabilities are locked; the lines above name them.")


if __name__ == "__main__":
    with one_sentence():
        main()
