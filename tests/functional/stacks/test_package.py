"""Lambda packages, built for real from small projects with the project's own locks."""

import _imp
import json
import os
import re
import shutil
import socket
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from local.aws import EmbeddedAws
from local.process import RUNTIME_MODULES, link_runtime
from stacks.package import ROOT, SDK, PackageError, build
from tests.commands import output, run
from tests.conftest import Tables
from tests.small_project import SOURCES, edit, plant

pytestmark = pytest.mark.slow

# The bytecode's magic number of Python 3.13, from Lib/importlib/_bootstrap_external.py.
MAGIC = 3571


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant(tmp_path_factory.mktemp("project"), SOURCES)


@pytest.fixture(scope="module")
def package(project: Path) -> Path:
    return build("probe", project)


@pytest.fixture
def copy(project: Path, package: Path, tmp_path: Path) -> Path:
    """The project with its package, but without the downloaded wheels."""
    return Path(
        shutil.copytree(project, tmp_path / "copy", symlinks=True, ignore=shutil.ignore_patterns("wheels-*"))
    )


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that refuses connections, and no other place for pip to look."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/simple")
    for name in ("EXTRA_INDEX_URL", "FIND_LINKS"):
        monkeypatch.setenv(f"PIP_{name}", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")


@pytest.fixture
def local_wheels(project: Path, package: Path, no_index: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheels that the project's package was built from, as pip's only source."""
    (wheels,) = (project / "build").glob("wheels-*")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))


@pytest.mark.usefixtures("local_wheels")
def test_every_machine_builds_the_same_bytes(package: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "another pläce"
    elsewhere.mkdir()
    plant(elsewhere, dict(reversed(SOURCES.items())))
    (elsewhere / "lambda/probe/__pycache__").mkdir()
    (elsewhere / "lambda/probe/__pycache__/handler.cpython-311.pyc").write_bytes(b"stale")
    for path in (elsewhere / "lambda").rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    code = (
        "import os, sys, pathlib; os.umask(0o077); sys.path.insert(0, sys.argv[1]); import stacks.package; "
    )
    code += "print(stacks.package.build('probe', pathlib.Path(sys.argv[2])))"
    environ = {**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Kolkata", "PYTHONUTF8": "1"}
    built = output(sys.executable, "-c", code, ROOT, elsewhere, folder=Path("/"), environ=environ).strip()
    assert Path(built) == elsewhere / "build" / package.parent.name / package.name
    assert Path(built).read_bytes() == package.read_bytes()


UNTOUCHED = """
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from stacks.package import build

def refuse(event, args):
    if event in {"subprocess.Popen", "os.posix_spawn", "os.fork", "socket.connect", "socket.getaddrinfo"}:
        raise RuntimeError("wants " + event)

sys.addaudithook(refuse)
build("probe", Path(sys.argv[2]))
"""


def starts_nothing(root: Path) -> bool:
    """Whether the package is up to date: no process and no connection, though Node would be there."""
    built = run(sys.executable, "-c", UNTOUCHED, ROOT, root)
    assert built.returncode == 0 or "RuntimeError: wants subprocess.Popen" in built.stderr, built.stderr
    return built.returncode == 0


UNCHANGED = [
    lambda root: None,
    lambda root: os.utime(root / "lambda/probe/handler.py", (1, 1)),
    lambda root: edit(root, "lambda/other/__init__.py", lambda text: "NEW = 1\n"),
    lambda root: (root / "lambda/probe/.handler.py.swp").write_text("half a line"),
]


@pytest.mark.parametrize(
    "change",
    [
        *UNCHANGED,
        lambda root: (root / "lambda/probe/handler.py").rename(root / "lambda/probe/entry.py"),
        lambda root: edit(root, "lambda/shared/facts.py", lambda text: text + "# more\n"),
        lambda root: edit(root, "lambda/shared/data.schema.json", lambda text: "{}\n"),
        lambda root: edit(root, "Pipfile.lock", lambda text: text.replace("sha256:", "sha256:0")),
        lambda root: edit(root, "package-lock.json", lambda text: text.replace("sha512-", "sha512-0")),
    ],
    ids=[
        *("nothing", "times", "another function", "an editor's file"),
        *("a name", "a shared line", "a data file", "a dependency", "Pyodide"),
    ],
)
def test_another_package_is_built_if_an_input_has_changed_and_else_nothing_is_started(
    copy: Path, change: Callable[[Path], object]
) -> None:
    change(copy)
    assert starts_nothing(copy) is (change in UNCHANGED)


@pytest.mark.usefixtures("no_index")
def test_a_changed_line_needs_no_index(project: Path, package: Path, copy: Path) -> None:
    (wheels,) = (project / "build").glob("wheels-*")
    shutil.copytree(wheels, copy / "build" / wheels.name)
    edit(copy, "lambda/shared/facts.py", lambda text: text + "# another line\n")
    rebuilt = build("probe", copy)
    assert rebuilt.parent.name != package.parent.name
    with zipfile.ZipFile(rebuilt) as archive:
        assert archive.read("shared/facts.py").endswith(b"# another line\n")


def test_the_package_holds_what_the_function_needs_and_no_more(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        files = {name: archive.read(name) for name in names}
        assert {(entry.date_time, entry.external_attr >> 16) for entry in archive.infolist()} == {
            ((1980, 1, 1, 0, 0, 0), 0o100644)
        }
    assert names == sorted(set(names))
    assert {name for name in names if name.startswith(("probe/", "shared/", "other/")) and "." in name} == {
        *(name for name in SOURCES if name != "shared/unused.py" and not name.startswith("other/")),
        "shared/data_schema.py",
        *(f"probe/__pycache__/{name}.cpython-313.pyc" for name in ("__init__", "handler")),
        *(f"shared/__pycache__/{name}.cpython-313.pyc" for name in ("__init__", "data_schema", "facts")),
        "shared/__pycache__/schema.cpython-313.pyc",
    }
    unwanted = ("/RECORD", "/INSTALLER", "/REQUESTED", "/direct_url.json", ".so", ".pyd", ".js")
    assert not [name for name in names if name.endswith(unwanted) or ".data/" in name]
    wheels = [text for name, text in files.items() if name.endswith(".dist-info/WHEEL")]
    locked = set(json.loads((ROOT / "Pipfile.lock").read_text(encoding="utf-8"))["lambda"])
    assert len(wheels) == len(locked - SDK)
    assert all(b"Root-Is-Purelib: true" in text for text in wheels)
    assert not [name for name in names if name.split("/")[0] in RUNTIME_MODULES and "jmespath" not in name]
    assert not [name for name in names if re.match(r"aws_lambda_powertools/utilities/parser/.*\.py$", name)]


def test_the_package_behind_the_signed_api_is_small() -> None:
    # With what a batch is handled by it had 1.8 MB, though none of the API's routes uses it.
    assert build("tracking").stat().st_size < 1_500_000


def test_all_bytecode_belongs_to_its_source_and_to_the_runtime(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        sources = [name for name in names if name.endswith(".py")]
        assert len(sources) == len([name for name in names if name.endswith(".pyc")]) > 100
        for name in sources:
            folder, _, file = name.rpartition("/")
            compiled = archive.read(f"{folder}/__pycache__/{file[:-3]}.cpython-313.pyc".lstrip("/"))
            assert compiled[:2] == MAGIC.to_bytes(2, "little"), name
            assert compiled[4:8] == b"\1\0\0\0", f"{name}: Python would check it against its source (PEP 552)"
            expected = _imp.source_hash(int.from_bytes(compiled[:4], "little"), archive.read(name))
            assert compiled[8:16] == expected, name


def test_the_package_alone_answers(package: Path, tmp_path: Path, aws: EmbeddedAws, tables: Tables) -> None:
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path)
    link_runtime(tmp_path / "runtime")
    environment = {
        **aws.environment("us-east-1"),
        "LAMBDA_TASK_ROOT": str(tmp_path),
        "_X_AMZN_TRACE_ID": "Root=1-5e1b4151-5ac6c58f3fb5c6d6e5c6a1b2;Parent=53995c3f42cd8ad8;Sampled=1",
    }
    code = f"""
import json, sys
sys.path[:0] = {[str(tmp_path), str(tmp_path / "runtime")]}
from probe.handler import handler
print(json.dumps(handler({{"table": {tables.updates!r}}}, None)))
"""
    # Where Python knows nothing but its own library and these folders.
    said = output(sys.executable, "-I", "-S", "-W", "error", "-c", code, environ=environment)
    assert json.loads(said) == {
        "items": [{"tracking_id": {"S": "PROBE"}, "timestamp": {"N": "1"}}],
        "compiler": [],
    }


def test_an_unknown_function_is_named(copy: Path) -> None:
    with pytest.raises(PackageError, match="no function 'parcel'"):
        build("parcel", copy)


@pytest.mark.usefixtures("no_index")
def test_an_index_out_of_reach_is_told(copy: Path) -> None:
    edit(copy, "lambda/probe/handler.py", lambda text: text + "\n")
    with pytest.raises(
        PackageError, match=r"check the connection to the package index.*No matching distribution"
    ):
        build("probe", copy)
    assert not list((copy / "build").glob("wheels-*"))


@pytest.mark.usefixtures("local_wheels")
def test_a_dependency_that_is_not_the_locked_one_is_refused(copy: Path) -> None:
    lock = json.loads((copy / "Pipfile.lock").read_text(encoding="utf-8"))
    lock["lambda"]["wrapt"]["hashes"] = ["sha256:" + "0" * 64]
    edit(copy, "Pipfile.lock", lambda text: json.dumps(lock))
    with pytest.raises(PackageError, match=r"not the one that Pipfile\.lock pins"):
        build("probe", copy)


@pytest.mark.usefixtures("local_wheels")
def test_what_is_not_installed_is_told(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(copy, "lambda/probe/handler.py", lambda text: text + "\n")
    (copy / "node_modules").unlink()
    sentence = r"Pyodide 0\.\S+ is not in node_modules: run `make install`"
    with pytest.raises(PackageError, match=sentence):
        build("probe", copy)
    (copy / "node_modules/pyodide").mkdir(parents=True)
    (copy / "node_modules/pyodide/package.json").write_text('{"version": "0.1.0"}')
    with pytest.raises(PackageError, match=sentence):
        build("probe", copy)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PackageError, match="no `node` on the PATH: run `make install`"):
        build("probe", copy)
