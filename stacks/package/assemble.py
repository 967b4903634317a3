"""Puts a package together, inside Pyodide: /wheels and /job/sources go into /job/package.zip.

Arguments: the function's name, and the Python version of the Lambda runtime.
"""

import gzip
import importlib
import importlib.util
import json
import marshal
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

Files = dict[str, bytes]

# A folder; a list of files that does not know the bytecode; commands for a shell; and what only a browser, a
# compiler or a type checker reads. Licences stay, and METADATA, by which scanners know a package's version.
UNUSED = re.compile(r"/$|\.dist-info/RECORD$|^[^/]+\.data/|\.(js|css|c|pyi)$")
DATA = "botocore/data/"
# Those of Amazon Trust Services (https://www.amazontrust.com/repository names these five for a trust store of
# one's own), and DigiCert's, which endpoints of AWS had before. Each connection parses the whole bundle.
ROOTS = re.compile(
    r"^# Subject: .*(CN=Amazon Root CA|CN=Starfield Services Root Certificate Authority - G2|O=DigiCert)",
    re.M,
)


def main(function: str, python: str) -> None:
    if not sys.version.startswith(f"{python}."):
        raise ValueError(f"Pyodide has Python {sys.version.split()[0]}, and the Lambda runtime {python}")
    files: Files = {}
    for wheel in sorted(Path("/wheels").iterdir()):
        with ZipFile(wheel) as archive:
            for name in archive.namelist():
                if not UNUSED.search(name):
                    files[name] = archive.read(name)
    sources = Path("/job/sources")
    files |= {
        str(path.relative_to(sources)): path.read_bytes() for path in sources.rglob("*") if path.is_file()
    }
    if "botocore/__init__.py" in files:
        sys.path.insert(0, str(sources))
        trim_botocore(files, getattr(importlib.import_module(function), "AWS_CALLS", {}))
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


def trim_botocore(files: Files, calls: Mapping[str, Sequence[str]]) -> None:
    """Leaves the models of the calls, the endpoints of their services, and the certificates of AWS."""
    models = {}
    for service, operations in calls.items():
        versions = [name for name in files if re.fullmatch(f"{DATA}{service}/[^/]+/service-2.json.gz", name)]
        if not versions:
            raise ValueError(f"AWS_CALLS names the service {service!r}, which botocore does not have")
        models[max(versions)] = operations
    kept = {name.rpartition("/")[0] for name in models} | {DATA.rstrip("/")}
    for name in [name for name in files if name.startswith(DATA) and name.rpartition("/")[0] not in kept]:
        del files[name]

    prefixes = set()
    for name, operations in models.items():
        model = json.loads(gzip.decompress(files[name]))
        if unknown := set(operations) - set(model["operations"]):
            raise ValueError(f"AWS_CALLS names {sorted(unknown)}, which {name} does not have")
        prefixes.add(model["metadata"]["endpointPrefix"])
        model["operations"] = {call: model["operations"][call] for call in sorted(operations)}
        shapes: dict[str, Any] = {}
        add_shapes(model["operations"], model["shapes"], shapes)
        files[name] = gzip.compress(json.dumps(model | {"shapes": shapes}).encode(), mtime=0)

    endpoints = json.loads(files[f"{DATA}endpoints.json"])
    for partition in endpoints["partitions"]:
        partition["services"] = {
            key: value for key, value in partition["services"].items() if key in prefixes
        }
    files[f"{DATA}endpoints.json"] = json.dumps(endpoints).encode()

    certificates = files["botocore/cacert.pem"].decode().split("\n\n")
    files["botocore/cacert.pem"] = "\n\n".join(filter(ROOTS.search, certificates)).encode()


def add_shapes(node: Any, shapes: Mapping[str, Any], found: dict[str, Any]) -> None:
    """Adds the shapes that a part of a service's model refers to, and those that they refer to."""
    if isinstance(node, dict):
        name = node.get("shape")  # a dict where a member has this name
        if isinstance(name, str) and name not in found:
            found[name] = shapes[name]
            add_shapes(shapes[name], shapes, found)
    if isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            add_shapes(child, shapes, found)


main(*sys.argv)
