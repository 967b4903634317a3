"""Puts a package together, inside Pyodide: /wheels and /job/sources go into /job/package.zip.

Arguments: the function's name, and the Python version of the Lambda runtime.
"""

import importlib.util
import json
import marshal
import re
import sys
from modulefinder import ModuleFinder
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

Files = dict[str, bytes]

# A folder; a list of files that does not know the bytecode; commands for a shell; and what only a browser, a
# compiler or a type checker reads. Licences stay, and METADATA, by which scanners know a package's version.
UNUSED = re.compile(r"/$|\.dist-info/RECORD$|^[^/]+\.data/|\.(js|css|c|pyi)$")
SCHEMA = re.compile(r"(.+)\.schema\.json")
#: What ships of these is what is imported. Names that X-Ray's SDK imports by a text are those of libraries to patch.
SEARCHED = ("aws_lambda_powertools/", "aws_xray_sdk/")
SITE, SOURCES = "/site", "/job/sources"


def main(function: str, python: str) -> None:
    if not sys.version.startswith(f"{python}."):
        raise ValueError(f"Pyodide has Python {sys.version.split()[0]}, and the Lambda runtime {python}")
    files: Files = {}
    for wheel in sorted(Path("/wheels").iterdir()):
        with ZipFile(wheel) as archive:
            archive.extractall(SITE)
            for name in archive.namelist():
                if not UNUSED.search(name):
                    files[name] = archive.read(name)
    files |= {
        str(path.relative_to(SOURCES)): path.read_bytes()
        for path in Path(SOURCES).rglob("*")
        if path.is_file()
    }
    for name in unused(function, files):
        del files[name]
    compile_schemas(files)
    for name in [name for name in files if name.endswith(".py")]:
        files[importlib.util.cache_from_source(name)] = bytecode(files[name], name)
    with ZipFile("/job/package.zip", "w", ZIP_DEFLATED) as package:
        for name, content in sorted(files.items()):
            entry = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            package.writestr(entry, content, ZIP_DEFLATED)


def bytecode(source: bytes, name: str) -> bytes:
    """A .pyc that is never checked against its source (PEP 552), since Lambda could not write a newer one."""
    flags = (1).to_bytes(4, "little")
    code = compile(source, name, "exec", dont_inherit=True)
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + marshal.dumps(code)


def unused(function: str, files: Files) -> set[str]:
    """The modules, most of Powertools among them, that no import statement of the handler's leads to."""
    finder = ModuleFinder(path=[SOURCES, SITE])  # without the standard library, which is not shipped
    finder.import_hook(f"{function}.handler")
    found = (module.__file__ for module in finder.modules.values() if module.__file__)  # type: ignore[attr-defined]
    used = {name.removeprefix(f"{SOURCES}/").removeprefix(f"{SITE}/") for name in found}
    own = {name for name in files if Path(SOURCES, name).exists()}
    searched = own | {name for name in files if name.startswith(SEARCHED)}
    return {name for name in searched if name.endswith(".py")} - used


def compile_schemas(files: Files) -> None:
    """Puts the code of each NAME.schema.json beside it, into NAME_schema.py, and leaves out the compiler."""
    schemas = {match[1]: files[name] for name in files if (match := SCHEMA.fullmatch(name))}
    if not schemas:
        return
    sys.path.insert(0, SITE)
    from fastjsonschema import compile_to_code

    for name, text in schemas.items():
        code = compile_to_code(json.loads(text), fast_fail=False)
        files[f"{name}_schema.py"] = code.encode()
    exceptions = files["fastjsonschema/exceptions.py"]
    for name in [name for name in files if name.startswith("fastjsonschema/")]:
        del files[name]
    files["fastjsonschema/__init__.py"] = exceptions


main(*sys.argv)
