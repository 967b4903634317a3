"""`make sbom`: a CycloneDX bill of materials of each Lambda package, from what is in the zip."""

import hashlib
import json
import subprocess
import venv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from stacks.package import build
from tools.environments import python_of
from tools.failures import one_sentence
from tools.toolchain import ROOT, ToolError

FOLDER = ROOT / "build/sbom"


def functions() -> list[str]:
    """The functions that are shipped: the packages of lambda/ with a handler."""
    return sorted(path.parent.name for path in (ROOT / "lambda").glob("*/handler.py"))


def describe(package: Path) -> dict[str, Any]:
    """The bill of materials of a Lambda package, CycloneDX 1.6: its dependencies, and its own hash.

    Raises:
        ToolError: it could not be made, or does not follow CycloneDX's schema.
    """
    with TemporaryDirectory() as folder:
        # cyclonedx-py describes what an environment holds: this one holds what is in the zip.
        venv.create(folder, symlinks=True)
        (site,) = Path(folder).glob("lib/python*/site-packages")
        with ZipFile(package) as archive:
            archive.extractall(site)
        command = [str(python_of("supply_chain")), "-m", "cyclonedx_py", "environment", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(
            f"{package.name} could not be described; cyclonedx-py said: {done.stderr.strip()[-500:]}"
        )
    bill: dict[str, Any] = json.loads(done.stdout)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    bill["metadata"]["component"] = {
        "type": "application",
        "name": package.stem,
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
    return bill


def main() -> None:
    """Writes the bills. Raises PackageError, ToolError: a package cannot be built or described."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for function in functions():
        path = FOLDER / f"{function}.cdx.json"
        path.write_text(json.dumps(describe(build(function)), indent=2), encoding="utf-8")
        print(f"Wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    with one_sentence():
        main()
