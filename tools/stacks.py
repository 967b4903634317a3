"""The stacks of one environment, as the last synth has written them, and Terraform in their folders."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from tools.failures import DeployError, explain
from tools.toolchain import ROOT, environment, provider_source

CHANGES = 2
"""The exit status of `terraform plan -detailed-exitcode` for a plan that is not empty."""

#: The tag Environment of the stacks that each region of an account needs once.
SHARED = "shared"

ANSI = re.compile(r"\x1b\[[\d;]*m")
#: What Terraform says of a backend that is another than the one it remembers.
BACKEND_CHANGED = (
    r"Backend (configuration|type) changed|ackend initialization required|Migrating from |state migration"
)

#: A line at once, also into a pipe.
_print = partial(print, flush=True)


class Stacks:
    """What one synth writes, and Terraform's runs of it.

    Args:
        environ: the variables of every command; ENVIRONMENT_SUFFIX in it chooses the environment.
        output: where the synthesized stacks are, relative to the project.
        show: takes each line that a command prints.
        shown: where a user finds those lines, for the sentence of a failure.
        patience_seconds: how long an interrupted Terraform may take to finish and to write its state.

    Raises:
        ToolError: a tool is missing.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        output: str = "cdktf.out",
        show: Callable[[str], None] = _print,
        shown: str = "stands above",
        patience_seconds: float = 60,
    ) -> None:
        self._environ = environment(environ)
        self._environment = environ.get("ENVIRONMENT_SUFFIX") or "dev"
        self._output_name, self._output = output, ROOT / output
        self._show, self._shown = show, shown
        self._patience_seconds = patience_seconds
        self._initialized: set[str] = set()
        self._running: set[subprocess.Popen[str]] = set()
        self._killed = False

    def synth(self) -> None:
        """Writes the stacks anew; none of an earlier synth is left. Raises DeployError with what the app said."""
        if self._output.is_dir():
            shutil.rmtree(self._output / "stacks", ignore_errors=True)
            (self._output / "manifest.json").unlink(missing_ok=True)
        self._output.parent.mkdir(exist_ok=True)
        app = subprocess.run(
            [sys.executable, "main.py"],
            cwd=ROOT,
            env={**self._environ, "CDKTF_OUTDIR": self._output_name},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if app.returncode:
            raise DeployError(app.stdout.strip().removeprefix("Error: "))

    @property
    def names(self) -> list[str]:
        """The environment's stacks in the order of their deployment. Raises DeployError if there are none."""
        if not (names := self._of(self._environment)):
            raise DeployError(
                f"{self._output_name} holds no stack of {self._environment}; run `make synth` for it."
            )
        return names

    @property
    def shared(self) -> list[str]:
        """The stacks that each region needs once, before any environment."""
        return self._of(SHARED)

    def _of(self, environment: str) -> list[str]:
        try:
            stacks = json.loads((self._output / "manifest.json").read_bytes())["stacks"]
        except FileNotFoundError:
            return []
        order = TopologicalSorter({name: stack["dependencies"] for name, stack in stacks.items()})
        return [
            name
            for name in order.static_order()
            if _provider(self._read(name))["default_tags"][0]["tags"]["Environment"] == environment
        ]

    def _read(self, name: str) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self._output / "stacks" / name / "cdk.tf.json").read_bytes())
        return read

    def folder(self, name: str) -> Path:
        """The folder of a stack. Raises DeployError if the environment has none with this name."""
        if name not in self.names + self.shared:
            raise DeployError(
                f"There is no stack {name!r} in {self._environment}; its stacks are {', '.join(self.names)}."
            )
        return self._output / "stacks" / name

    def configuration(self, name: str) -> dict[str, Any]:
        """The Terraform JSON of a stack. Raises DeployError if the environment has none with this name."""
        self.folder(name)
        return self._read(name)

    def region(self, name: str) -> str:
        """The region that a stack goes to. Raises DeployError if the environment has none with this name."""
        return str(_provider(self.configuration(name))["region"])

    def terraform(
        self,
        name: str,
        *arguments: str,
        show: Callable[[str], None] | None = None,
        quiet: bool = False,
        initialize: bool = True,
        may_fail: bool = False,
    ) -> tuple[int, str]:
        """Runs Terraform in the folder of a stack; returns its exit status, 0 or CHANGES, and what it said.

        Args:
            name: of a stack.
            arguments: of Terraform.
            show: takes each line instead of the stacks' own.
            quiet: whether to show what it says only if it fails.
            may_fail: whether a failure is expected, and so not shown either.
            initialize: whether to run `terraform init` first, unless that was done.

        Raises:
            DeployError: it failed, or the environment has no stack with this name.
            ToolError: Terraform's AWS provider is not to be had.
        """
        folder = self.folder(name)
        if initialize:
            self.initialize(name)
        shown = None if quiet else show or self._show
        status, said = self._run(folder, *arguments, environ=self.variables(name), show=shown)
        if status not in (0, CHANGES):
            raise self._failure(name, arguments[0], status, said, quiet=quiet and not may_fail)
        return status, said

    def initialize(self, name: str) -> None:
        """Runs `terraform init` in the folder of a stack, unless that was done. Raises as `terraform` does."""
        if name in self._initialized:
            return
        variables, init = self.variables(name), ("init", "-input=false", "-no-color")
        status, said = self._run(self.folder(name), *init, environ=variables, show=None)
        if status and re.search(BACKEND_CHANGED, said):
            migrate = "init" if "cloud" in self._read(name)["terraform"] else "init -migrate-state"
            raise DeployError(
                f"The settings keep the state of {name} elsewhere than this folder has known it until now, so "
                f"nothing was changed. Set them back, or move the state: TF_DATA_DIR={variables['TF_DATA_DIR']} "
                f"terraform -chdir={self.folder(name)} {migrate}"
            )
        if status:
            raise self._failure(name, "init", status, said, quiet=True)
        self._initialized.add(name)

    def variables(self, name: str) -> dict[str, str]:
        """Those under which Terraform runs in the folder of a stack.

        Raises:
            DeployError: the environment has no stack with this name.
            ToolError: Terraform's AWS provider is not to be had.
        """
        # Terraform remembers there where the state is, and refuses another place. The same stack may be in
        # several regions and accounts, each with a state of its own.
        account = self._environ.get("AWS_ENDPOINT_URL") or self._environ.get("AWS_PROFILE") or "default"
        place = re.sub(r"[^\w.-]+", "_", f"{account}_{self.region(name)}")
        return {
            **self._environ,
            **self.provider_source,
            "TF_DATA_DIR": str(self._output / "terraform" / place / name),
        }

    @cached_property
    def provider_source(self) -> dict[str, str]:
        """The variables with which Terraform finds its AWS provider. Raises DeployError, ToolError."""
        wanted = self._read(self.names[0])["terraform"]["required_providers"]["aws"]["version"]
        return provider_source(wanted, self._environ)

    def _run(
        self, folder: Path, *arguments: str, environ: Mapping[str, str], show: Callable[[str], None] | None
    ) -> tuple[int, str]:
        said = []
        with subprocess.Popen(
            ["terraform", *arguments],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            self._running.add(process)
            if self._killed:
                self.kill()
            assert process.stdout is not None  # noqa: S101 (for the type checker)
            try:
                for line in process.stdout:
                    said.append(line)
                    if show:
                        show(line.rstrip("\n"))
            except KeyboardInterrupt:
                self._interrupt(process)
                raise
        self._running.discard(process)
        return process.returncode, ANSI.sub("", "".join(said))

    def kill(self) -> None:
        """Ends what runs in other threads, and what they are about to run, whatever becomes of the state."""
        self._killed = True
        for process in list(self._running):
            _kill(process)

    def _interrupt(self, process: subprocess.Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.communicate(timeout=self._patience_seconds)
        _kill(process)

    def _failure(self, name: str, command: str, status: int, said: str, *, quiet: bool) -> DeployError:
        if quiet:
            self._show(said.rstrip("\n"))
        if status < 0 or status > 128:  # which a shell or a container makes of a signal
            said += "Terraform was killed"
        unknown = f"`terraform {command}` of {name} failed; what it said {self._shown}."
        return DeployError(explain(said) or unknown, said)


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _provider(configuration: dict[str, Any]) -> dict[str, Any]:
    provider: dict[str, Any] = configuration["provider"]["aws"][0]
    return provider
