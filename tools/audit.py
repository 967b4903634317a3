"""`make audit`: asks PyPI and npm for known vulnerabilities of every package that a lock file names."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.environments import python_of
from tools.toolchain import ROOT, ToolError

#: npm's packages build and test, and none is shipped; below this severity they are shown and do not fail.
NPM_LEVEL = "high"


def requirements() -> Iterator[tuple[str, str]]:
    """Every locked set of Python packages: its name, and its requirements with their hashes.

    Without environment markers, so that what other machines install is looked up too.
    """
    lock = json.loads((ROOT / "Pipfile.lock").read_bytes())
    del lock["_meta"]
    for section, packages in lock.items():
        lines = [
            " ".join([name + locked["version"], *(f"--hash={value}" for value in locked["hashes"])])
            for name, locked in packages.items()
        ]
        yield f"Pipfile.lock, {section}", "\n".join(lines)
    for path in (ROOT / "tools/pipenv.txt", *sorted((ROOT / "tools/environments").glob("*.txt"))):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def audit_python(name: str, text: str) -> bool:
    """Prints the known vulnerabilities of one set; tells whether there are none. Raises ToolError."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "requirements.txt")
        path.write_text(text, encoding="utf-8")
        # Without --strict a package that PyPI does not answer for is passed over.
        options = ["--strict", "--disable-pip", "--progress-spinner=off", f"--requirement={path}"]
        done = subprocess.run(
            [python_of("audit"), "-m", "pip_audit", *options], capture_output=True, text=True, check=False
        )
    # What it found goes to the standard output, what went wrong to the other one.
    if done.returncode and not done.stdout.strip():
        raise ToolError(
            f"PyPI's list of vulnerabilities could not be read, so {name} was not audited; check the connection "
            f"to pypi.org and try again. It said: {done.stderr.strip().splitlines()[-1]}"
        )
    print(f"{name}: {done.stdout.strip() or 'no known vulnerabilities'}")
    return done.returncode == 0


def audit_npm() -> bool:
    """Prints the known vulnerabilities of package-lock.json; tells whether none is severe. Raises ToolError."""
    npm = ["npm", "audit", "--package-lock-only", f"--audit-level={NPM_LEVEL}"]
    done = subprocess.run(npm, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode and "npm error" in done.stderr:
        raise ToolError(
            "npm's list of vulnerabilities could not be read, so package-lock.json was not audited; check the "
            f"connection to the npm registry and try again. It said: {done.stderr.strip()}"
        )
    print(f"package-lock.json: {done.stdout.strip()}")
    return done.returncode == 0


def main() -> None:
    """Raises SystemExit with one plain sentence, if a vulnerability is known or a service does not answer."""
    try:
        passed = [audit_python(name, text) for name, text in requirements()] + [audit_npm()]
    except ToolError as error:
        sys.exit(f"Error: {error}")
    if not all(passed):
        sys.exit("Error: packages with known vulnerabilities are locked; the lines above name them.")


if __name__ == "__main__":
    main()
