"""Every link within the documents leads to a file, and to a heading in it."""

import re
from pathlib import Path

import pytest

from main import ROOT

DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text("utf-8")
    for link in re.findall(r'\]\(([^)]+)\)|src="([^"]+)"', text):
        name, _, anchor = "".join(link).partition("#")
        if "://" not in name:
            target = document.parent / name if name else document
            assert target.exists(), name
            assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


def test_the_readme_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    pages = [path for path in DOCUMENTS if path.parent in (ROOT, ROOT / "docs") and path.name != "README.md"]
    assert pages
    assert not [path.name for path in pages if f"({path.relative_to(ROOT)})" not in text]
