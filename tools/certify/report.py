"""What a partner does right and wrong: a line a check in the terminal, and a case a check in JUnit's XML."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree

RIGHT: Final = "right"
WRONG: Final = "WRONG"
NOT_CHECKED: Final = "not checked"


class Result(NamedTuple):
    """What came of a check."""

    name: str
    outcome: str
    """RIGHT, WRONG or NOT_CHECKED."""
    said: str
    """What was seen and, if it is wrong, what to do, in plain words."""
    seconds: float = 0

    def line(self) -> str:
        """What a person reads."""
        return f"{self.outcome:11}  {self.name:28}  {self.said}"


def summary(results: Sequence[Result]) -> str:
    """How many there are of each outcome."""
    outcomes = [result.outcome for result in results]
    return ", ".join(f"{outcomes.count(one)} {one}" for one in (RIGHT, WRONG, NOT_CHECKED))


def write_junit(results: Sequence[Result], partner: str, path: Path) -> None:
    """Writes the results as a test suite that is named after the partner. Raises OSError."""
    outcomes = [result.outcome for result in results]
    suite = ElementTree.Element(
        "testsuite",
        name=partner,
        tests=str(len(results)),
        failures=str(outcomes.count(WRONG)),
        errors="0",
        skipped=str(outcomes.count(NOT_CHECKED)),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=partner, name=result.name, time=f"{result.seconds:.3f}"
        )
        if result.outcome == RIGHT:
            ElementTree.SubElement(case, "system-out").text = result.said
        else:
            kind = "failure" if result.outcome == WRONG else "skipped"
            ElementTree.SubElement(case, kind, message=result.said)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def printable(text: str) -> str:
    """What a partner said, in a line that a terminal and XML can hold."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
