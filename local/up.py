"""`make up`: the whole system on this machine, deployed into an embedded AWS and served until Ctrl-C."""

import os
import re
import shlex
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from local.aws import CREDENTIALS, EmbeddedAws
from local.function import Function
from local.gateway import Gateway, PortTakenError, check_port
from stacks.package import build
from stacks.settings import SettingsError, load_settings
from tools.cdktf import Cdktf, DeployError, create_state_bucket, stacks_of
from tools.toolchain import ROOT, ToolError

OUTPUT = ".local/cdktf.out"
LOG = ROOT / ".local/deploy.log"


class Progress:
    """Counts what Terraform has created, and keeps all that it says in a log."""

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(exist_ok=True)
        self._log = log.open("w", encoding="utf-8")
        self._done = self._planned = 0

    def __call__(self, line: str) -> None:
        self._log.write(f"{line}\n")
        self._log.flush()
        if plan := re.search(r"Plan:\D+(?:\d+ to import, )?(\d+) to add", re.sub(r"\x1b\[[\d;]*m", "", line)):
            self._planned += int(plan[1])
        elif "Creation complete" in line:
            self._done += 1
            if sys.stdout.isatty():
                print(f"\r  {self._done} of {self._planned} resources", end="", flush=True)
            elif self._done % 20 == 0:
                print(f"  {self._done} of {self._planned} resources", flush=True)
            if self._done == self._planned:
                print(flush=True)


def up(port: int) -> None:
    """Deploys and serves until KeyboardInterrupt.

    Args:
        port: of the API, on 127.0.0.1.

    Raises:
        PortTakenError: another program listens there.
        DeployError, SettingsError, ToolError: the deployment did not succeed.
    """
    check_port(port)
    # Nothing here may reach an account that this shell has credentials for.
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_REGION"]:
        del os.environ[name]
    settings = load_settings(ROOT / "cdktf.json", os.environ)

    with ExitStack() as running:
        print("Starting the embedded AWS", flush=True)
        aws = running.enter_context(EmbeddedAws())
        os.environ.update(aws.environment(settings.region))
        settings = load_settings(ROOT / "cdktf.json", os.environ)

        print("Deploying with CDKTF and Terraform, which takes a minute or two", flush=True)
        cdktf = Cdktf(os.environ, output=OUTPUT, show=Progress(LOG), patience_seconds=0)
        cdktf.synth()
        create_state_bucket(settings)
        cdktf.run("deploy", "state", *stacks_of(settings), "--auto-approve")

        function = running.enter_context(
            Function(
                f"tracking-processor-{settings.environment}",
                endpoint=aws.endpoint,
                region=settings.region,
                package=build("tracking"),
                log=print,
            )
        )
        gateway = running.enter_context(
            Gateway(
                f"tracking-api-{settings.environment}",
                settings.environment,
                endpoint=aws.endpoint,
                region=settings.region,
                functions={function.name: function},
                port=port,
            )
        )
        print(_welcome(gateway.url, aws, settings.region), flush=True)
        signal.pause()


def _welcome(url: str, aws: EmbeddedAws, region: str) -> str:
    curl = (
        f"curl --aws-sigv4 aws:amz:{region}:execute-api"
        f" --user {CREDENTIALS['AWS_ACCESS_KEY_ID']}:{CREDENTIALS['AWS_SECRET_ACCESS_KEY']}"
    )
    update = '{"tracking_id": "PKG-1", "status": "in_transit", "location": {"lat": 52.52, "lng": 13.405}}'
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in aws.environment(region).items())
    return f"""
The tracking API is deployed and runs at {url}

Store an update:
  {curl} -H 'Content-Type: application/json' -d '{update}' {url}/track

Ask for the shipment:
  {curl} '{url}/status?tracking_id=PKG-1'

Look around in the embedded AWS with boto3 or the AWS command line:
  export {exports}

The function's log follows. Ctrl-C stops everything.
"""


def main() -> None:
    """Raises SystemExit with one plain sentence for whatever goes wrong."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    text = os.environ.get("PORT") or "8080"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        sys.exit(f"Error: PORT is {text!r}; it may be a number from 1 to 65535.")
    try:
        up(int(text))
    except KeyboardInterrupt:
        print("\nStopped.")
    except DeployError as error:
        sys.exit(f"\nError: {error} All that was said is in {LOG.relative_to(ROOT)}.")
    except (PortTakenError, SettingsError, ToolError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
