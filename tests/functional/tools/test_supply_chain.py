"""What is installed and shipped: every file of it locked by its hash, named in a bill of materials, and audited."""

import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from zipfile import Path as ZipPath
from zipfile import ZipFile

import pytest

from main import ROOT
from stacks.package import SDK, build
from tests.commands import run
from tools import sbom
from tools.audit import audit, requirements
from tools.environments import python_of
from tools.toolchain import ToolError

LOCK: dict[str, Any] = json.loads((ROOT / "Pipfile.lock").read_bytes())
ENVIRONMENTS = ROOT / "tools/environments"


@pytest.mark.parametrize("section", sorted(LOCK.keys() - {"_meta"}))
def test_every_package_of_pipfile_lock_has_its_version_and_hashes(section: str) -> None:
    assert LOCK[section]
    for name, locked in LOCK[section].items():
        assert re.fullmatch(r"==[\w.!+]+", locked.get("version", "")), name
        assert locked["hashes"], name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in locked["hashes"]), name


def test_every_package_of_package_lock_has_its_hash() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_bytes())["packages"]
    del packages[""]
    assert packages
    for name, locked in packages.items():
        # What is bundled lies inside the archive of another, and so under that one's hash.
        assert locked.get("inBundle") or re.fullmatch(r"sha512-[\w+/]{86}==", locked.get("integrity", "")), (
            name
        )


@pytest.mark.parametrize(
    "path", [ROOT / "tools/pipenv.txt", *sorted(ENVIRONMENTS.glob("*.txt"))], ids=lambda path: path.name
)
def test_every_package_of_a_requirements_file_has_its_version_and_hashes(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert lines
    for line in lines:
        assert re.fullmatch(
            r"[\w.-]+(\[[\w,-]+\])?==[^\s;]+( *;.+?)?(\s+--hash=sha256:[0-9a-f]{64})+", line.strip()
        )


def test_every_environment_is_locked() -> None:
    names = {path.stem for path in ENVIRONMENTS.glob("*.in")}
    assert names
    assert names == {path.stem for path in ENVIRONMENTS.glob("*.txt")}


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    """Of one package, which takes seconds."""
    return sbom.describe(build("tracking"))


def metadata(function: str) -> dict[tuple[str, ...], bytes]:
    """What the zip of a function says of each package in it, by its name and version."""
    with ZipFile(build(function)) as archive:
        return {
            tuple(folder.name.removesuffix(".dist-info").split("-")): (folder / "METADATA").read_bytes()
            for folder in ZipPath(archive).iterdir()
            if folder.name.endswith(".dist-info")
        }


@pytest.mark.slow
def test_the_bill_of_materials_names_what_is_in_the_zip(bill: dict[str, Any]) -> None:
    assert bill["specVersion"] == "1.6"
    subject = bill["metadata"]["component"]
    assert subject["name"] == "tracking"
    digest = hashlib.sha256(build("tracking").read_bytes()).hexdigest()
    assert subject["hashes"] == [{"alg": "SHA-256", "content": digest}]
    shipped = metadata("tracking")
    assert shipped
    assert {
        (item["name"].replace("-", "_"), item["version"]) for item in bill["components"]
    } == shipped.keys()
    assert all(item["licenses"] for item in bill["components"])


@pytest.mark.slow
@pytest.mark.parametrize("function", sbom.functions())
def test_what_the_bill_is_made_from_is_the_same_in_all_zips(function: str) -> None:
    assert metadata(function) == metadata("tracking")


@pytest.mark.slow
def test_everything_that_is_locked_for_lambda_is_shipped(bill: dict[str, Any]) -> None:
    """Otherwise the bill and the audit would speak of different packages."""
    purls = {item["purl"].removeprefix("pkg:pypi/") for item in bill["components"]}
    # Lambda's runtime brings the SDK.
    shipped = {name: locked for name, locked in LOCK["lambda"].items() if name not in SDK}
    assert purls == {name + locked["version"].replace("==", "@") for name, locked in shipped.items()}


@pytest.mark.slow
def test_the_audit_is_given_every_locked_package() -> None:
    given = {name: set(re.findall(r"^([\w.-]+).*?==([^\s;]+)", text, re.M)) for name, text in requirements()}
    sections = {"default": "packages", "develop": "dev-packages"}
    for section in LOCK.keys() - {"_meta"}:
        locked = {(name, package["version"].lstrip("=")) for name, package in LOCK[section].items()}
        assert given.pop(f"Pipfile.lock, {sections.get(section, section)}") == locked
    assert given.keys() == {
        "tools/pipenv.txt",
        *(f"tools/environments/{path.name}" for path in ENVIRONMENTS.glob("*.txt")),
    }
    assert all(given.values())


def test_an_audit_tells_what_is_found_from_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    def passes(command: str) -> bool:
        return audit("a.txt", ["sh", "-c", command])

    assert passes("exit 0")
    assert not passes("echo 'six 1.0 PYSEC-1'; exit 1")
    assert capsys.readouterr().out == "a.txt: no known vulnerabilities\na.txt: six 1.0 PYSEC-1\n"
    for command in ("echo unreachable >&2; exit 1", "echo {}; echo 'npm error unreachable' >&2; exit 1"):
        with pytest.raises(ToolError, match=r"a\.txt was not audited.*unreachable"):
            passes(command)


@pytest.mark.slow
def test_an_audit_without_its_service_fails_with_one_sentence() -> None:
    python_of("supply_chain")  # installed while the registry can still be reached
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
    done = run(sys.executable, "-m", "tools.audit", environ={**os.environ, **nowhere})
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"Error: The list of vulnerabilities could not be read, .+\n", done.stderr)
