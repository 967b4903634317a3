"""The documents name what exists: alarms, headings, make targets, commands of the AWS CLI."""

import re
import shlex
from collections.abc import Iterator

import botocore.session
from botocore import xform_name

from main import ROOT
from tests.synthesis import resources, stacks

RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
#: What every command of the AWS CLI takes.
GLOBAL_OPTIONS = {"output", "query", "region"}


def headings(level: int) -> list[str]:
    """Of the runbook."""
    return re.findall(rf"^{'#' * level} (.+)$", RUNBOOK, re.MULTILINE)


def commands() -> Iterator[list[str]]:
    """Every command of the AWS CLI in the runbook, as the shell would split it."""
    for block in re.findall(r"^```sh\n(.*?)^```$", RUNBOOK, re.MULTILINE | re.DOTALL):
        text = block.replace("\\\n", " ")
        for line in re.findall(r"(?:^|[\s(])aws (.+)$", text, re.MULTILINE):
            yield shlex.split(re.split(r" \| | \|$|\)$", line)[0], comments=True)


def test_the_entries_are_those_of_the_alarms() -> None:
    alarms = {
        alarm["alarm_description"].rpartition("#")[2]
        for stack in stacks("dev").values()
        for kind in ("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm")
        for alarm in resources(stack, kind)
    }
    section = RUNBOOK.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    entries = re.findall(r"^### (.+)$", section, re.MULTILINE)
    assert len(set(entries)) == len(entries)
    assert set(entries) == alarms
    for entry in section.split("\n### ")[1:]:
        name, _, text = entry.partition("\n")
        for part in ("Means", "Look", "do"):
            assert re.search(rf"\*\*{part}\b", text, re.IGNORECASE), (name, part)


def test_every_link_within_leads_to_a_heading() -> None:
    anchors = {heading.lower().replace(" ", "-") for level in (2, 3) for heading in headings(level)}
    links = set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK))
    assert links
    assert links <= anchors


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.* ## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        code = re.findall(r"^```sh\n(.*?)^```$|`([^`\n]+)`", text, re.MULTILINE | re.DOTALL)
        named = set(re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", "\n".join(map("\n".join, code))))
        assert named <= targets, document.name


def test_every_command_of_the_aws_cli_exists_with_its_options() -> None:
    session = botocore.session.get_session()
    found = list(commands())
    assert len(found) > 40
    for service, operation, *arguments in found:
        service = {"s3api": "s3"}.get(service, service)
        model = session.get_service_model(service)
        options = {argument.removeprefix("--") for argument in arguments if argument.startswith("--")}
        if operation == "wait":
            waiters = session.get_waiter_model(service)
            names = {xform_name(name, "-"): name for name in waiters.waiter_names}
            called = waiters.get_waiter(names[arguments[0]]).operation
        else:
            called = {xform_name(name, "-"): name for name in model.operation_names}[operation]
        shape = model.operation_model(called).input_shape
        members = {xform_name(name, "-") for name in shape.members} if shape else set()
        required = {xform_name(name, "-") for name in shape.required_members} if shape else set()
        assert required <= options <= members | GLOBAL_OPTIONS, (service, operation)
