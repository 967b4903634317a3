"""Deploys the project's stacks into the embedded AWS, with plain Terraform and as much at once as can be.

The tests in tests/e2e prove `cdktf deploy`, which does the same one after the other. The `state` stack is left out:
its bucket is made without it.
"""

import json
import os
import re
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

from local.imports import make_imports
from local.terminal import Terminal
from stacks.settings import Settings
from tools.failures import DeployError
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
        self._log = LOG.open("w", encoding="utf-8")
        self._done = self._planned = 0

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
        stacks = Stacks(os.environ, output=OUTPUT, show=partial(self._follow, "init"), shown=f"is in {LOG}")
        stacks.synth()
        manifest = json.loads((ROOT / OUTPUT / "manifest.json").read_bytes())["stacks"]
        needs: dict[str, list[str]] = {name: manifest[name]["dependencies"] for name in stacks.names}
        if first:
            create_state_bucket(settings)
        for name in needs:
            folder = stacks.folder(name)
            (folder / "imports.tf.json").write_text(
                json.dumps({"import": make_imports(folder) if first else []})
            )
        deployed: dict[str, Future[None]] = {}

        def deploy(name: str) -> None:
            stacks.initialize(name)
            for need in needs[name]:
                if need in deployed:  # not the state's
                    deployed[need].result()
            self._apply(stacks, name)

        with ThreadPoolExecutor(len(needs)) as pool:
            try:
                for name in sorted(needs, key=lambda name: len(needs[name])):
                    deployed[name] = pool.submit(deploy, name)
                wait(deployed.values())
            except KeyboardInterrupt:
                stacks.kill()  # the embedded AWS with its states ends too
                raise
        for future in deployed.values():
            future.result()

    def _apply(self, stacks: Stacks, stack: str) -> None:
        apply = ("apply", "-auto-approve", "-input=false", "-no-color", "-parallelism=20")
        follow = partial(self._follow, stack)
        try:
            stacks.terraform(stack, *apply, show=follow)
        except DeployError as error:
            replaced = [f"-replace={address}" for address in _REPLACED.findall(error.said)]
            if not replaced:
                raise
            stacks.terraform(stack, *apply, *replaced, show=follow)

    def _follow(self, stack: str, line: str) -> None:
        """Counts what Terraform has made, and keeps all that it says in a log."""
        self._log.write(f"{stack}  {line}\n")
        self._log.flush()
        if plan := re.search(r"Plan:\D+(?:\d+ to import, )?(\d+) to add, (\d+) to change", line):
            self._planned += int(plan[1]) + int(plan[2])
        elif re.search(r": (Creation|Modifications) complete", line):
            self._done += 1
            self._terminal.count(f"  {self._done} of {self._planned} resources", of_note=self._done % 20 == 0)
