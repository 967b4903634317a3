"""`python -m tools.runs COMMAND`: Terraform's runs of the environment that ENVIRONMENT_SUFFIX names.

What the workflows run, and a laptop just so: plain Terraform in the folders of the synthesized stacks. With the
state in HCP Terraform the runs happen there: Terraform uploads the stack's folder and shows what the run says. A
plan without a file is a speculative run, which can never be applied.
"""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from main import LOCK
from stacks.settings import SettingsError, load_settings
from tools.cdktf import Cdktf, DeployError, explain, stacks_of
from tools.toolchain import ROOT, ToolError

#: What `make comment` puts under a pull request: a file for each stack.
REPORTS = ROOT / "build/plans"
#: Of the reports of an environment together: GitHub takes 65,536 in a comment, which has three environments.
REPORT_CHARACTERS = 20_000

#: How a plan that was made to its end says what it comes to. A run that was cancelled says none of it.
SUMMARY = re.compile(r"^(Plan: .*|No changes\..*|Changes to Outputs:)$", re.MULTILINE)
PROGRESS = re.compile(r"^.*: (Refreshing state|Reading|Still reading|Read complete).*\n", re.MULTILINE)
CHANGED = 2  # of -detailed-exitcode

#: Those that the lock of the provider covers.
PLATFORMS = ("linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64")


class Runs:
    """Plans, applies and compares stacks that are synthesized.

    Args:
        cdktf: where they are synthesized.
        reports: where a plan's report goes.
        report_characters: how long it may be.
        environ: GITHUB_STEP_SUMMARY in it takes the reports too.
    """

    def __init__(
        self, cdktf: Cdktf, *, reports: Path, report_characters: int, environ: Mapping[str, str]
    ) -> None:
        self._cdktf = cdktf
        self._reports = reports
        self._report_characters = report_characters
        self._summary = environ.get("GITHUB_STEP_SUMMARY")

    def apply(self, stack: str) -> None:
        """Changes what differs. Raises DeployError."""
        self._init(stack)
        status, said = self._cdktf.terraform(stack, "apply", "-input=false", "-no-color", "-auto-approve")
        if status:
            raise DeployError(explain(said) or f"Terraform could not apply {stack}; it says why above.")

    def plan(self, stack: str) -> bool:
        """Shows what an apply would change, and says whether it would change anything.

        Raises:
            DeployError: for anything but a plan that was made to its end.
        """
        self._init(stack)
        # Nothing is written, so a plan neither waits for a deploy nor holds one up.
        status, said = self._cdktf.terraform(
            stack, "plan", "-input=false", "-no-color", "-lock=false", "-detailed-exitcode"
        )
        found = SUMMARY.findall(said)
        if status not in (0, CHANGED) or not found:
            self._report(stack, "no plan", said)
            raise DeployError(explain(said) or f"Terraform could not plan {stack}; it says why above.")
        self._report(stack, found[-1], said)
        return status == CHANGED

    def _init(self, stack: str) -> None:
        status, said = self._cdktf.terraform(stack, "init", "-input=false", "-no-color")
        if status:
            raise DeployError(explain(said) or f"Terraform could not open {stack}; it says why above.")

    def _report(self, stack: str, summary: str, said: str) -> None:
        text = PROGRESS.sub("", said).strip()
        if len(text) > self._report_characters:
            text = f"(The beginning is in the log.)\n{text[-self._report_characters :]}"
        # More tildes than a plan can hold, since the text may come from somebody else.
        fence = "~" * 3 + "~" * max((len(run) for run in re.findall("~+", text)), default=0)
        report = f"<details><summary><b>{stack}</b>: {summary}</summary>\n\n{fence}\n{text}\n{fence}\n\n</details>\n"
        self._reports.mkdir(parents=True, exist_ok=True)
        (self._reports / f"{stack}.md").write_text(report, encoding="utf-8")
        if self._summary:
            with Path(self._summary).open("a", encoding="utf-8") as page:
                page.write(report)


def lock(cdktf: Cdktf, stack: str) -> None:
    """Writes the checksums of Terraform's AWS provider anew, from the folder of any stack. Raises DeployError."""
    locked = cdktf.folder(stack) / ".terraform.lock.hcl"
    locked.unlink()
    status, said = cdktf.terraform(
        stack, "providers", "lock", *(f"-platform={platform}" for platform in PLATFORMS)
    )
    if status:
        raise DeployError(
            explain(said)
            or "The checksums were not fetched: the registry has those of all platforms, a mirror seldom."
        )
    shutil.copyfile(locked, LOCK)


def main() -> None:
    """Raises SystemExit with one plain sentence for whatever goes wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.runs", description=__doc__)
    parser.add_argument("command", choices=["plan", "apply", "drift", "lock"])
    parser.add_argument("--stack", help="one stack instead of all of the environment")
    parser.add_argument("--output", default="cdktf.out", help="the folder of the synthesized stacks")
    arguments = parser.parse_args()
    try:
        settings = load_settings(ROOT / "cdktf.json", os.environ)
        cdktf = Cdktf({**os.environ, "TF_IN_AUTOMATION": "1"}, output=arguments.output)
        cdktf.synth()
        all_stacks = stacks_of(settings)
        characters = REPORT_CHARACTERS // len(all_stacks)
        runs = Runs(cdktf, reports=REPORTS, report_characters=characters, environ=os.environ)
        stacks = [arguments.stack] if arguments.stack else all_stacks
        if arguments.command == "lock":
            lock(cdktf, stacks[0])
        elif arguments.command == "drift":
            if drifted := [stack for stack in stacks if runs.plan(stack)]:
                # Not by -refresh-only, which also tells of what AWS fills in after a deploy.
                sys.exit(
                    f"Error: {', '.join(drifted)}: what is there is not what the code describes. Somebody changed "
                    f"it, or a deploy is outstanding; deploy to set it back, or bring the change into the code."
                )
        else:
            for stack in stacks:
                (runs.plan if arguments.command == "plan" else runs.apply)(stack)
    except (DeployError, SettingsError, ToolError, OSError) as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
