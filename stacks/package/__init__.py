"""Builds the Lambda packages: the same bytes from any machine, and only when something in them changes.

The archive is put together by the CPython inside Pyodide, which npm's lock file pins: it has the version of
the Lambda runtime, so its bytecode is valid there, and its zlib, so the host's own leaves no trace.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

#: The Lambda runtime, and the version of CPython inside the locked Pyodide.
PYTHON = "3.13"
ROOT = Path(__file__).parents[2]

_BUILDER = Path(__file__).parent
#: boto3 and what it needs, as Lambda's Python runtimes have them.
SDK = {"boto3", "botocore", "s3transfer", "python-dateutil", "six", "urllib3"}
_IMPORT = re.compile(rb"^\s*(?:from|import)\s+(\w+)", re.MULTILINE)


class PackageError(Exception):
    """A package cannot be built; the message says why and what to do next."""


def build(function: str, root: Path = ROOT) -> Path:
    """Gives the zip of a function, for any architecture, and builds it first if its inputs have changed.

    It holds ``lambda/<function>``, the packages of ``lambda/`` that it imports, and the dependencies that
    Pipfile.lock pins for ``lambda``, but for the AWS SDK, which Lambda's runtime brings. Each
    ``NAME.schema.json`` in it is compiled to ``NAME_schema.py``.

    Args:
        function: the name of a folder of ``lambda/``.
        root: the project's folder.

    Raises:
        PackageError: the function, Node, Pyodide, a dependency or the package index is missing or wrong.
    """
    own = sources(function, root / "lambda")
    locked = json.loads((root / "Pipfile.lock").read_bytes())["lambda"]
    wheels = {name: wheel for name, wheel in locked.items() if name not in SDK}
    pyodide = json.loads((root / "package-lock.json").read_bytes())["packages"]["node_modules/pyodide"]
    builder = {path.name: path.read_bytes() for path in _BUILDER.iterdir() if path.is_file()}
    inputs = [
        [(name, hashlib.sha256(content).hexdigest()) for name, content in sorted(files.items())]
        for files in (own, builder)
    ]
    # The stamp is not in the file's name, which a plan shows.
    package = root / "build" / f"{_digest([function, inputs, wheels, pyodide])}" / f"{function}.zip"
    if not package.exists():
        package.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=root / "build") as folder:
            job = Path(folder)
            for name, content in own.items():
                (job / "sources" / name).parent.mkdir(parents=True, exist_ok=True)
                (job / "sources" / name).write_bytes(content)
            _assemble(function, job, _download(wheels, job, root / "build"), root, pyodide["version"])
            (job / "package.zip").chmod(0o644)  # Pyodide's file system does not mind the umask
            (job / "package.zip").replace(package)
    return package


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def sources(function: str, code: Path = ROOT / "lambda") -> dict[str, bytes]:
    """The files of the function and of all packages that it imports, by their names in the archive."""
    packages = {path.name for path in code.iterdir() if path.is_dir()}
    if function not in packages:
        raise PackageError(f"There is no function {function!r} in {code}.")
    files: dict[str, bytes] = {}
    found = [function]
    for package in found:
        for path in (code / package).rglob("*"):
            name = path.relative_to(code).as_posix()
            if path.is_file() and "/__pycache__/" not in name and "/." not in name:
                files[name] = path.read_bytes()
                imported = {match.decode() for match in _IMPORT.findall(files[name])}
                found += sorted((imported & packages) - set(found))
    return files


def _download(wheels: dict[str, dict[str, str]], job: Path, build_folder: Path) -> Path:
    """The folder with the locked wheels, which stays until the lock changes."""
    folder = build_folder / f"wheels-{_digest(wheels)}"
    if folder.exists():
        return folder
    # Without the lock's environment markers: pip evaluates them against this host.
    requirements = [
        " ".join([name + locked["version"], *(f"--hash={value}" for value in locked["hashes"])])
        for name, locked in sorted(wheels.items())
    ]
    (job / "requirements.txt").write_text("\n".join(requirements))
    # Pure wheels alone: wrapt, the one dependency with a compiled part, works without it, and so one package
    # serves every architecture, and what is tested on any machine is what is deployed.
    options = f"--no-deps --require-hashes --only-binary=:all: --python-version={PYTHON} --implementation=py"
    options += " --abi=none --platform=any --requirement=requirements.txt --dest=wheels"
    pip = _run([sys.executable, "-m", "pip", "download", *options.split()], cwd=job)
    if "DO NOT MATCH THE HASHES" in pip.stderr:
        raise PackageError(
            "A dependency of the Lambda package is not the one that Pipfile.lock pins: "
            "check the package index, and run `pipenv lock` if it is right."
        )
    if pip.returncode:
        raise PackageError(
            "pip could not download the pure-Python wheels that Pipfile.lock pins for the Lambda package; "
            f"check the connection to the package index and try again. It said: {_last_line(pip.stderr)}"
        )
    with suppress(OSError):  # another build was first
        (job / "wheels").rename(folder)
    return folder


def _assemble(function: str, job: Path, wheels: Path, root: Path, version: str) -> None:
    """Makes ``package.zip`` in the job's folder."""
    node = shutil.which("node")
    if node is None:
        raise PackageError(
            "There is no `node` on the PATH: run `make install`, then build with make's targets."
        )
    pyodide = root / "node_modules" / "pyodide"
    installed = pyodide / "package.json"
    if not installed.exists() or json.loads(installed.read_bytes())["version"] != version:
        raise PackageError(f"Pyodide {version} is not in node_modules: run `make install`.")
    script = _run(
        [node, _BUILDER / "pyodide.mjs", pyodide, job, wheels, _BUILDER / "assemble.py", function, PYTHON],
    )
    if script.returncode:
        raise PackageError(f"The package {function!r} cannot be put together: {_last_line(script.stderr)}")


def _run(command: list[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", **options)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]
