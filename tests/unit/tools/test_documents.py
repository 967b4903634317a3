"""Every link within the documents leads to a file, and to a heading in it."""

import re
from pathlib import Path

import pytest
import yaml

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


def test_every_page_is_in_an_index() -> None:
    indexes = [path for path in DOCUMENTS if path.name == "README.md"]
    named = {
        index.parent / link
        for index in indexes
        for link in re.findall(r"\]\(([^)#:]+)\)", index.read_text("utf-8"))
    }
    assert {*DOCUMENTS} - {ROOT / "README.md"} <= named


def test_the_hooks_before_a_commit_run_the_quick_checks() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    checks = (ROOT / "tools/check.sh").read_text("utf-8")
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in hooks]
    assert entries
    assert re.findall(r"^(?:ruff .*|mypy)(?=$| >)", checks, re.M) == entries
