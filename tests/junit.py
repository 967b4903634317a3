"""What `make certify` writes for a CI system."""

from pathlib import Path
from xml.etree import ElementTree

from tools.certify.report import NOT_CHECKED, RIGHT, WRONG


def outcomes(junit: Path) -> dict[str, str]:
    """The outcomes in the file by the checks' names, which must agree with its own counts."""
    if not junit.exists():
        return {}
    suite = ElementTree.parse(junit).getroot()
    kinds = {"failure": WRONG, "skipped": NOT_CHECKED, "system-out": RIGHT}
    found = {case.attrib["name"]: kinds[case[0].tag] for case in suite}
    counts = [list(found.values()).count(outcome) for outcome in (WRONG, NOT_CHECKED)]
    assert [int(suite.attrib[name]) for name in ("failures", "skipped")] == counts
    assert int(suite.attrib["tests"]) == len(suite) == len(found)
    return found
