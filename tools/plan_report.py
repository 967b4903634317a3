"""What a plan comes to, for who reads it on GitHub: in the summary of a run, or under a pull request."""

import re
from collections.abc import Mapping
from pathlib import Path

#: Of the reports of an environment together: GitHub takes 65,536 in a comment.
REPORT_CHARACTERS = 60_000

#: How a plan that was made to its end says what it comes to. A run that was cancelled says none of it.
SUMMARY = re.compile(r"^(Plan: .*|No changes\..*|Changes to Outputs:)$", re.MULTILINE)
PROGRESS = re.compile(r"^.*: (Refreshing state|Reading|Still reading|Read complete).*\n", re.MULTILINE)
#: The line under a plan, below which Terraform says what may be done with it.
END = re.compile(r"\n─{20,}.*", re.DOTALL)


def plan_summary(said: str) -> str | None:
    """The line of `terraform plan` that says what the plan comes to; None if no plan was made."""
    found: list[str] = SUMMARY.findall(said)
    return found[-1] if found else None


def write_report(folder: Path, stack: str, said: str, *, characters: int, environ: Mapping[str, str]) -> None:
    """Writes `<folder>/<stack>.md`.

    Args:
        folder: of the reports.
        stack: its name.
        said: what `terraform plan` said.
        characters: how many of them the report may hold.
        environ: GITHUB_STEP_SUMMARY in it takes the report too.
    """
    text = END.sub("", PROGRESS.sub("", said)).strip()
    if len(text) > characters:
        text = f"(The beginning is in the log.)\n{text[-characters:]}"
    # More tildes than a plan can hold, since the text may come from somebody else.
    fence = "~" * 3 + "~" * max((len(run) for run in re.findall("~+", text)), default=0)
    summary = plan_summary(said) or "no plan"
    report = (
        f"<details><summary><b>{stack}</b>: {summary}</summary>\n\n{fence}\n{text}\n{fence}\n\n</details>\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stack}.md").write_text(report, encoding="utf-8")
    if page := environ.get("GITHUB_STEP_SUMMARY"):
        with Path(page).open("a", encoding="utf-8") as summaries:
            summaries.write(report)
