"""`make sbom`: a CycloneDX bill of materials of each Lambda package, from what is in the zip."""

import hashlib
import json
import sys
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from zipfile import ZipFile

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.spdx import fixup_id, is_expression
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from stacks.package import PackageError, build
from tools.toolchain import ROOT, ToolError

FOLDER = ROOT / "build/sbom"


def functions() -> list[str]:
    """The functions that are shipped: the packages of lambda/ with a handler."""
    return sorted(path.parent.name for path in (ROOT / "lambda").glob("*/handler.py"))


def describe(package: Path) -> str:
    """The bill of materials of a Lambda package as JSON, CycloneDX 1.6: its dependencies, and its own hash.

    Raises:
        ToolError: it does not follow CycloneDX's schema.
    """
    lock = json.loads((ROOT / "Pipfile.lock").read_bytes())["lambda"]
    bom = Bom()
    bom.metadata.tools.components.add(this_component())
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    bom.metadata.component = Component(
        name=package.stem,
        type=ComponentType.APPLICATION,
        hashes=[HashTypeFactory().from_hashlib_alg("sha256", digest)],
    )
    with ZipFile(package) as archive:
        for name in archive.namelist():
            if name.endswith(".dist-info/METADATA"):
                bom.components.add(_component(BytesParser().parsebytes(archive.read(name)), lock))
    bom.register_dependency(bom.metadata.component, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ToolError(f"The bill of materials of {package.name} does not follow CycloneDX 1.6: {error}")
    return text


def _component(metadata: Message, lock: dict[str, dict[str, list[str]]]) -> Component:
    purl = PackageURL("pypi", name=metadata["Name"], version=metadata["Version"])
    return Component(
        name=metadata["Name"],
        version=metadata["Version"],
        bom_ref=str(purl),
        purl=purl,
        licenses=_licenses(metadata),
        # What is in the zip was taken from a file with one of these, and compiled.
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(f"https://pypi.org/project/{purl.name}/{purl.version}/"),
                hashes=[HashTypeFactory().from_composite_str(text) for text in lock[purl.name]["hashes"]],
            )
        ],
    )


def _licenses(metadata: Message) -> list[License]:
    factory = LicenseFactory()
    text = metadata["License-Expression"] or metadata["License"] or ""
    if text and (fixup_id(text) or is_expression(text)):
        return [factory.make_from_string(text)]
    # Free text such as "Dual License" says less than the classifiers.
    classifiers = [value for value in metadata.get_all("Classifier", []) if value.startswith("License ::")]
    names = [value.rpartition(" :: ")[2] for value in classifiers] or [text]
    return [factory.make_with_name(name) for name in names if name]


def main() -> None:
    """Raises SystemExit with one plain sentence, if a package cannot be built or described."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        for function in functions():
            path = FOLDER / f"{function}.cdx.json"
            path.write_text(describe(build(function)), encoding="utf-8")
            print(f"Wrote {path.relative_to(ROOT)}")
    except (PackageError, ToolError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
