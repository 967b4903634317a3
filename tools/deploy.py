"""`python -m tools.deploy COMMAND`: Terraform's runs of the environment that ENVIRONMENT_SUFFIX names.

What the workflows run, and a laptop just so: plain Terraform in the folders of the synthesized stacks. With the
state in HCP Terraform the runs happen there: Terraform uploads the stack's folder and shows what the run says; a
plan that is not saved is then a speculative run, which can never be applied.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from main import LOCK
from stacks.settings import Settings, load_all_regions
from tools.failures import DeployError, explain, one_sentence
from tools.import_existing import import_existing
from tools.plan_report import REPORT_CHARACTERS, plan_summary, write_report
from tools.stacks import CHANGES, Stacks
from tools.state_bucket import create_state_bucket, delete_empty_state
from tools.toolchain import ROOT

#: What `make comment` puts under a pull request: a file for each stack.
REPORTS = ROOT / "build/plans"
#: In the folder of a stack; empty if it would change nothing, and HCP Terraform so refuses to apply it.
PLAN = "plan.tfplan"
#: Those that the lock of the provider covers.
PLATFORMS = ("linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64")


class Deployment:
    """The runs of one environment.

    Args:
        stacks: of the environment.
        environ: GITHUB_STEP_SUMMARY in it takes the reports too.
        reports: a folder that takes the plans' reports, if given.
        report_characters: how long these may be together.
    """

    def __init__(
        self,
        stacks: Stacks,
        *,
        environ: Mapping[str, str],
        reports: Path | None = None,
        report_characters: int = REPORT_CHARACTERS,
    ) -> None:
        self._stacks = stacks
        self._environ = environ
        self._reports = reports
        self._report_characters = report_characters
        color = [] if sys.stdout.isatty() else ["-no-color"]
        self._options = ["-input=false", *color]

    def plan(self, stack: str, *options: str, save: bool = False) -> bool:
        """Shows what an apply would change, and says whether it would change anything.

        Args:
            stack: its name.
            options: of `terraform plan`.
            save: for `apply`.

        Raises:
            DeployError: for anything but a plan that was made to its end.
        """
        saved = self._stacks.folder(stack) / PLAN
        saved.unlink(missing_ok=True)
        # Nothing is written, so a plan neither waits for a deploy nor holds one up.
        options = (*self._options, "-lock=false", "-detailed-exitcode", *options)
        try:
            status, said = self._stacks.terraform(stack, "plan", *options, *[f"-out={PLAN}"] * save)
            if not plan_summary(said):
                raise DeployError(f"The plan of {stack} did not come to its end; it says why above.", said)
        except DeployError as error:
            saved.unlink(missing_ok=True)
            self._report(stack, error.said or str(error))
            raise
        self._report(stack, said)
        if save and status != CHANGES and "cloud" in self._stacks.configuration(stack)["terraform"]:
            saved.write_bytes(b"")
        return status == CHANGES

    def _report(self, stack: str, said: str) -> None:
        if self._reports:
            characters = self._report_characters // len(self._stacks.names)
            write_report(self._reports, stack, said, characters=characters, environ=self._environ)

    def apply(self, stack: str) -> None:
        """Applies the plan that was saved, once. Raises DeployError."""
        saved = self._stacks.folder(stack) / PLAN
        if not saved.exists():
            raise DeployError(f"There is no saved plan of {stack}; run `make plan SAVE=1` first.")
        try:
            if saved.stat().st_size:
                self._stacks.terraform(stack, "apply", *self._options, PLAN)
        finally:
            saved.unlink()

    def deploy(self, names: Sequence[str], *options: str, ask: bool) -> None:
        """Plans each stack, asks, and applies what was shown, one after the other. Raises DeployError."""
        for stack in names:
            if self.plan(stack, *options, save=True) and ask:
                _approve(stack)
            self.apply(stack)

    def drift(self, names: Sequence[str]) -> None:
        """Raises DeployError if what is there is not what the code describes."""
        # Not by -refresh-only, which also tells of what AWS fills in after a deploy.
        if drifted := [stack for stack in names if self.plan(stack)]:
            raise DeployError(
                f"{', '.join(drifted)}: what is there is not what the code describes. Somebody changed it, "
                f"or a deploy is outstanding; deploy to set it back, or bring the change into the code."
            )

    def destroy(self, *, ask: bool) -> None:
        """Destroys all stacks, the last first, and deletes their empty states. Raises DeployError."""
        names = self._stacks.names[::-1]
        self.deploy(names, "-destroy", ask=ask)
        for stack in names:
            delete_empty_state(self._stacks.configuration(stack), stack)

    def unlock(self, lock: str | None, *, find_existing: bool) -> None:
        """Releases a lock that a killed deploy left, and imports what that deploy had made. Raises DeployError.

        Args:
            lock: its id; None if it is gone already.
            find_existing: whether to import.
        """
        names = self._stacks.names
        if lock:
            names = [self._release(lock)]
            print(f"Released the lock of {names[0]}.", flush=True)
        for stack in names if find_existing else ():
            if imported := import_existing(self._stacks, stack):
                print(f"Imported into the state what the killed deploy had made: {', '.join(imported)}.")

    def _release(self, lock: str) -> str:
        """The name of the stack whose lock it was."""
        for stack in (names := [*self._stacks.names, *self._stacks.shared]):
            try:
                self._stacks.terraform(
                    stack, "force-unlock", "-force", "-no-color", lock, quiet=True, may_fail=True
                )
            except DeployError as error:
                refused = error
            else:
                return stack
        print(refused.said.strip())
        raise DeployError(
            explain(refused.said)
            or f"None of {', '.join(names)} has this lock; Terraform's answer for the last stands above."
        )

    def lock_provider(self) -> None:
        """Writes the checksums of Terraform's AWS provider anew. Raises DeployError."""
        stack = self._stacks.names[0]
        locked = self._stacks.folder(stack) / ".terraform.lock.hcl"
        locked.unlink()
        platforms = (f"-platform={platform}" for platform in PLATFORMS)
        self._stacks.terraform(stack, "providers", "lock", *platforms, initialize=False)
        shutil.copyfile(locked, LOCK)


def _approve(stack: str) -> None:
    try:
        answer = input(f"\nApply this to {stack}? Only yes is taken for an approval: ")
    except EOFError:
        answer = ""
    if answer.strip() != "yes":
        raise DeployError(f"{stack} was not changed: it was not approved. APPROVE=1 applies without asking.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.deploy", description=__doc__)
    parser.add_argument(
        "command",
        choices=["synth", "plan", "apply", "deploy", "destroy", "drift", "state", "unlock", "lock"],
    )
    parser.add_argument("--stack", help="one stack instead of all of the environment")
    parser.add_argument("--save", action="store_true", help="save the plan for apply")
    parser.add_argument("--auto-approve", action="store_true", help="deploy or destroy without asking")
    parser.add_argument("--output", default="cdktf.out", help="the folder of the synthesized stacks")
    parser.add_argument("--lock", help="the id of a stale lock, for unlock; none if it is gone already")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, regions: Sequence[Settings]) -> None:
    command, ask, settings = arguments.command, not arguments.auto_approve, regions[0]
    if command == "destroy" and settings.deployment.protect_from_deletion:
        raise DeployError(
            f"{settings.environment} is protected from deletion; to end it all the same, set "
            f"deployment.protect_from_deletion to false in cdktf.json, deploy that, and destroy it then."
        )
    stacks = Stacks({**os.environ, "TF_IN_AUTOMATION": "1"}, output=arguments.output)
    if command != "apply":  # which takes what was planned
        stacks.synth()
    names = [arguments.stack] if arguments.stack else stacks.names
    reports = REPORTS if command in ("plan", "drift") else None
    deployment = Deployment(stacks, environ=os.environ, reports=reports)
    if command == "synth":
        print(f"Synthesized {', '.join(stacks.shared + stacks.names)} into {arguments.output}/stacks.")
    elif command == "plan":
        shutil.rmtree(REPORTS, ignore_errors=True)
        for stack in names:
            deployment.plan(stack, save=arguments.save)
    elif command == "apply":
        for stack in names:
            deployment.apply(stack)
    elif command == "deploy":
        deployment.deploy(names, ask=ask)
    elif command == "destroy":
        deployment.destroy(ask=ask)
    elif command == "drift":
        deployment.drift(names)
    elif command == "state":
        for regional in regions if settings.state.owner == "s3" else ():
            create_state_bucket(regional)
        deployment.deploy(stacks.shared, ask=ask)
    elif command == "unlock":
        deployment.unlock(arguments.lock, find_existing=settings.state.owner != "hcp")
    else:
        deployment.lock_provider()


if __name__ == "__main__":
    with one_sentence():
        _run(_arguments(), load_all_regions(ROOT / "cdktf.json", os.environ))
