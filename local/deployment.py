"""Deploys the project's stacks into the embedded AWS, with plain Terraform and as much at once as can be.

The tests in tests/e2e prove `cdktf deploy`, which does the same one after the other. The `state` stack is left out:
its bucket is made without it.
"""

import json
import os
import re
import signal
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

from local.queues import make_queues
from local.terminal import Terminal
from stacks.settings import Settings
from tools.failures import DeployError, explain
from tools.stacks import Stacks
from tools.state_bucket import create_state_bucket
from tools.toolchain import ROOT

OUTPUT, LOG = ".local/cdktf.out", ROOT / ".local/deploy.log"
#: What the embedded AWS cannot change in place, as Terraform's addresses.
_REPLACED = re.compile(r"with (aws_api_gateway_(?:method|integration|model)\.[\w-]+),")


class Deployment:
    """The stacks of one environment; AWS is where `os.environ` says."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._running: set[subprocess.Popen[str]] = set()
        self._log = LOG.open("w", encoding="utf-8")
        self._done = self._planned = 0
        self._killed = False

    def deploy(self, settings: Settings, *, first: bool) -> None:
        """Synthesizes the stacks, and deploys what differs; what is stored stays.

        Args:
            settings: of the environment.
            first: whether the embedded AWS is empty.

        Raises:
            DeployError: a stack cannot be synthesized or deployed.
            ToolError: a tool is missing.
        """
        self._done = self._planned = 0
        stacks = Stacks(os.environ, output=OUTPUT)
        stacks.synth()
        manifest = json.loads((ROOT / OUTPUT / "manifest.json").read_bytes())["stacks"]
        needs: dict[str, list[str]] = {name: manifest[name]["dependencies"] for name in stacks.names}
        if first:
            create_state_bucket(settings)
        for name in needs:
            folder = stacks.folder(name)
            (folder / "imports.tf.json").write_text(
                json.dumps({"import": make_queues(folder) if first else []})
            )
        deployed: dict[str, Future[None]] = {}

        def deploy(name: str) -> None:
            environ = stacks.variables(name)
            self._terraform(environ, name, "init", "-input=false")
            for need in needs[name]:
                if need in deployed:  # not the state's
                    deployed[need].result()
            self._apply(environ, name)

        with ThreadPoolExecutor(len(needs)) as pool:
            try:
                for name in sorted(needs, key=lambda name: len(needs[name])):
                    deployed[name] = pool.submit(deploy, name)
                wait(deployed.values())
            except KeyboardInterrupt:
                self._kill()
                raise
        for future in deployed.values():
            future.result()

    def _apply(self, environ: dict[str, str], stack: str) -> None:
        apply = ("apply", "-auto-approve", "-input=false", "-parallelism=20")
        try:
            self._terraform(environ, stack, *apply)
        except DeployError as error:
            replaced = [f"-replace={address}" for address in _REPLACED.findall(str(error.__cause__))]
            if not replaced:
                raise
            self._terraform(environ, stack, *apply, *replaced)

    def _terraform(self, environ: dict[str, str], stack: str, *arguments: str) -> None:
        said = []
        with subprocess.Popen(
            ["terraform", *arguments, "-no-color"],
            cwd=ROOT / OUTPUT / "stacks" / stack,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for the parent, which kills the whole group
        ) as process:
            self._running.add(process)
            if self._killed:
                self._kill()
            assert process.stdout is not None  # noqa: S101 (for the type checker)
            for line in process.stdout:
                said.append(line)
                self._follow(f"{stack}  {line}")
        self._running.discard(process)
        if process.returncode:
            raise DeployError(
                explain("".join(said)) or f"Terraform could not deploy {stack}; what it said is in {LOG}."
            ) from RuntimeError("".join(said))

    def _follow(self, line: str) -> None:
        """Counts what Terraform has made, and keeps all that it says in a log."""
        self._log.write(line)
        self._log.flush()
        if plan := re.search(r"Plan:\D+(?:\d+ to import, )?(\d+) to add, (\d+) to change", line):
            self._planned += int(plan[1]) + int(plan[2])
        elif re.search(r": (Creation|Modifications) complete", line):
            self._done += 1
            self._terminal.count(f"  {self._done} of {self._planned} resources", of_note=self._done % 20 == 0)

    def _kill(self) -> None:
        """Ends what runs and what is about to; the embedded AWS with its states ends too."""
        self._killed = True
        for process in list(self._running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
