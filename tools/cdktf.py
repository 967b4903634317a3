"""`python -m tools.cdktf COMMAND`: the CDKTF command line for the environment that ENVIRONMENT_SUFFIX names.

Runs it with the tools that `make install` found, and ends a failure with one plain sentence.
"""

import argparse
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stacks.settings import Settings, SettingsError, load_all_regions
from tools.adopt import NOT_LOOKED_UP, adopt
from tools.toolchain import ROOT, ToolError, environment, provider_source

#: Failures that a user can do something about: what the tools print, and what to tell the user.
SENTENCES = {
    r"Terraform CLI failed with exit code 137": (
        "Terraform was killed before it was done; do the same again, which tells how to go on."
    ),
    r"Error acquiring the state lock.*?\bID:\s+(?P<id>[0-9a-f-]{36})": (
        "Another deploy holds the lock of this state, so nothing was changed. Wait for it; if it was killed and "
        "no other runs, release the lock with `make unlock LOCK={id}`."
    ),
    r"ExpiredToken|token.{0,40} expired|InvalidGrantException": (
        "The AWS credentials have expired; renew them, for example with `aws sso login`."
    ),
    r"No valid credential sources|Unable to locate credentials|NoCredentialProviders": (
        "There are no AWS credentials; set AWS_PROFILE, or run `aws configure` or `aws sso login`."
    ),
    r"config profile \(.{0,90}\) could not be found|failed to get shared config profile": (
        "The profile that AWS_PROFILE names is not in AWS's files on this machine; `aws configure list-profiles` "
        "shows those that are."
    ),
    r"InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|InvalidAccessKeyId": (
        "AWS does not accept the credentials; check AWS_PROFILE or the access key."
    ),
    r"NoSuchBucket|S3 bucket .{0,90} does not exist": (
        "The bucket of the Terraform states does not exist yet; run `make state` once for this account and region."
    ),
    r"CloudWatch Logs role ARN must be set": (
        "API Gateway may not write logs in this region yet; run `make state` once for this account and region."
    ),
    r"locked\s+provider.{0,90}does\s+not\s+match\s+configured": (
        "The checksums of the AWS provider are of another version than the bindings; run `make lock`."
    ),
    r"Failed to query available provider packages|Could not retrieve providers|could not connect to registry": (
        "The Terraform registry cannot be reached; connect to the internet, or name a mirror in PROVIDER_MIRROR."
    ),
    r"no such host|connection refused|Could not connect to the endpoint|i/o timeout": (
        "AWS cannot be reached; check the connection, the region, and AWS_ENDPOINT_URL if it is set."
    ),
    r"Invalid AWS Region: (?P<region>\S+)": (
        "AWS has no region {region}; check deployment.regions in cdktf.json."
    ),
    r"EntityAlreadyExists: Role with name (?P<role>\S+) already exists": (
        "The role {role} is there already, in the state of none of these stacks. If the environment is in another "
        "region too, list this one in deployment.regions in cdktf.json; otherwise delete the role."
    ),
    r"AccessDenied|is not authorized to perform": (
        "AWS refuses an action to these credentials; the lines above name it."
    ),
    NOT_LOOKED_UP: (
        "The public stack needs what the tracking stack makes: deploy that one first, or both with `make deploy`."
    ),
    r"Required token could not be found|unauthorized.{0,80}app\.terraform\.io": (
        "There is no token for HCP Terraform, or it is not accepted; run `terraform login`, or set "
        "TF_TOKEN_app_terraform_io."
    ),
}


class DeployError(Exception):
    """A command of the CDKTF command line failed; the message says why where that is known."""


def stacks_of(settings: Settings) -> list[str]:
    """The stacks of one environment, in the order of their deployment."""
    return [
        f"{name}-{settings.environment}{suffix}"
        for suffix in _suffixes(settings)
        for name in ("tracking", "public")
    ]


def state_stacks_of(settings: Settings) -> list[str]:
    """The stacks that each region of an environment needs once."""
    return [f"state{suffix}" for suffix in _suffixes(settings)]


def _suffixes(settings: Settings) -> list[str]:
    others = [region for region in settings.deployment.regions if region != settings.region]
    return [settings.region_suffix, *(f"_{region}" for region in others)]


class Cdktf:
    """The CDKTF command line with one output folder.

    Args:
        environ: the variables of every command, AWS's among them.
        output: where the synthesized stacks go, relative to the project.
        show: takes each line that a command prints; None lets it talk to the terminal itself.
        patience_seconds: how long an interrupted Terraform may take to finish and to write its state.

    Raises:
        ToolError: a tool is missing.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        output: str = "cdktf.out",
        show: Callable[[str], None] | None = None,
        patience_seconds: float = 60,
    ) -> None:
        self._environ = environment(environ)
        self._output = output
        self._show = show
        self._patience_seconds = patience_seconds

    def synth(self) -> None:
        """Raises DeployError with what the app said."""
        (ROOT / self._output).parent.mkdir(exist_ok=True)
        app = subprocess.run(
            [sys.executable, "main.py"],
            cwd=ROOT,
            env={**self._environ, "CDKTF_OUTDIR": self._output},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if app.returncode:
            raise DeployError(app.stdout.strip().removeprefix("Error: "))

    def run(self, command: str, *arguments: str) -> None:
        """Runs a command on stacks that are synthesized.

        Raises:
            DeployError: it failed.
            ToolError: Terraform's AWS provider is not to be had.
        """
        environ = {**self._environ, **self.terraform_arguments()}
        environ["TERRAFORM_BINARY_NAME"] = str(ROOT / "tools/status.sh")
        argv = ["cdktf", command, "--skip-synth", "--output", self._output, *arguments]
        if self._show is None and sys.stdin.isatty() and sys.stdout.isatty():
            status, said = _run_on_terminal(argv, environ)
        else:
            status, said = self._run_in_lines(argv, {**environ, "CI": "1"})
        if status:
            raise DeployError(explain(said) or f"`cdktf {command}` failed; what it said stands above.")

    def terraform(self, stack: str, *arguments: str) -> tuple[int, str]:
        """Runs plain Terraform in the folder of a stack; returns its exit status and what it said.

        Raises:
            DeployError: there is no such stack.
            ToolError: Terraform's AWS provider is not to be had.
        """
        environ = {**self._environ, **self.terraform_arguments()}
        return self._run_in_lines(["terraform", *arguments], environ, self.folder(stack))

    def folder(self, stack: str) -> Path:
        """The folder of a stack that is synthesized. Raises DeployError if there is none with this name."""
        stacks = ROOT / self._output / "stacks"
        if not (stacks / stack).is_dir():
            names = ", ".join(sorted(folder.name for folder in stacks.iterdir()))
            raise DeployError(f"There is no stack {stack!r}; the stacks are {names}.")
        return stacks / stack

    def unlock(self, stacks: Sequence[str], lock: str) -> str:
        """Releases a lock that a killed deploy left behind, and tells on which of the stacks. Raises DeployError."""
        environ = {**self._environ, **self.terraform_arguments()}
        commands = [["init", "-input=false"], ["force-unlock", "-force", lock]]
        for stack in stacks:
            for command in commands:
                tried = subprocess.run(
                    ["terraform", *command, "-no-color"],
                    cwd=self.folder(stack),
                    env=environ,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if tried.returncode:
                    break
            else:
                return stack
        print(tried.stderr.strip())
        raise DeployError(
            explain(tried.stderr)
            or f"None of {', '.join(stacks)} has this lock; what Terraform said of the last stands above."
        )

    def forget_state(self, stack: str) -> None:
        """Deletes the state that a destroyed stack leaves in its bucket, unless it still holds something.

        Raises:
            DeployError: AWS refuses.
        """
        manifest = json.loads((self.folder(stack) / "cdk.tf.json").read_bytes())
        if not (backend := manifest["terraform"].get("backend", {}).get("s3")):
            return
        style = Config(s3={"addressing_style": "path" if backend.get("use_path_style") else "auto"})
        s3 = boto3.client("s3", region_name=backend["region"], config=style)
        place = {"Bucket": backend["bucket"], "Key": backend["key"]}
        try:
            if not json.load(s3.get_object(**place)["Body"])["resources"]:
                s3.delete_object(**place)
        except s3.exceptions.NoSuchKey:
            return
        except (BotoCoreError, ClientError) as error:
            raise DeployError(
                f"{stack} is destroyed, but its empty state is still there: {error}."
            ) from error

    def _run_in_lines(
        self, argv: list[str], environ: Mapping[str, str], folder: Path = ROOT
    ) -> tuple[int, str]:
        said = []
        with subprocess.Popen(
            argv,
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None  # noqa: S101 (for the type checker)
            try:
                for line in process.stdout:
                    said.append(line)
                    (self._show or print)(line.rstrip("\n"))
            except KeyboardInterrupt:
                self._interrupt(process)
                raise
        return process.returncode, "".join(said)

    def _interrupt(self, process: subprocess.Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.communicate(timeout=self._patience_seconds)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def terraform_arguments(self) -> dict[str, str]:
        """The variables with which Terraform finds its provider and opens the synthesized backend."""
        manifests = sorted((ROOT / self._output / "stacks").glob("*/cdk.tf.json"))
        terraform = json.loads(manifests[0].read_text(encoding="utf-8"))["terraform"]
        arguments = provider_source(terraform["required_providers"]["aws"]["version"], self._environ)
        if "cloud" not in terraform:
            # The folder may remember the backend of another region; the one that is synthesized is meant.
            arguments["TF_CLI_ARGS_init"] = f"{arguments.get('TF_CLI_ARGS_init', '')} -reconfigure".strip()
        return arguments


def create_state_bucket(settings: Settings) -> None:
    """Makes the empty bucket that the state stack takes over, unless this account has it.

    Raises:
        DeployError: the name is taken by another account, or AWS refuses.
    """
    place = {"LocationConstraint": settings.region}
    try:
        s3 = boto3.client("s3", region_name=settings.region)
        if settings.region == "us-east-1":  # which is no location constraint
            s3.create_bucket(Bucket=settings.state.bucket)
        else:
            s3.create_bucket(Bucket=settings.state.bucket, CreateBucketConfiguration=place)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "BucketAlreadyExists":
            raise DeployError(
                f"The bucket name {settings.state.bucket!r} is taken by another account; choose another "
                f"for state.bucket in cdktf.json, context.defaults."
            ) from error
        if code != "BucketAlreadyOwnedByYou":
            raise DeployError(explain(str(error)) or f"The state bucket cannot be made: {error}.") from error
    except (BotoCoreError, ValueError) as error:  # ValueError: of an endpoint that is no URL
        raise DeployError(explain(str(error)) or f"The state bucket cannot be made: {error}.") from error


def _run_on_terminal(argv: list[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Leaves the terminal to the command, which may ask for approval, and listens in."""
    said = bytearray()

    def read(terminal: int) -> bytes:
        data = os.read(terminal, 1024)
        said.extend(data)
        return data

    os.environ.update(environ)
    os.chdir(ROOT)
    status = pty.spawn(argv, read)
    return os.waitstatus_to_exitcode(status), said.decode(errors="replace")


def explain(said: str) -> str | None:
    """What to tell the user about a failure, by what the tools said; None for one that is not known."""
    for pattern, sentence in SENTENCES.items():
        if match := re.search(pattern, said, re.DOTALL):
            return sentence.format(**match.groupdict())
    return None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.cdktf", description=__doc__)
    parser.add_argument("command", choices=["synth", "diff", "deploy", "destroy", "state", "unlock"])
    parser.add_argument("--auto-approve", action="store_true", help="apply without asking")
    parser.add_argument("--output", default="cdktf.out", help="the folder of the synthesized stacks")
    parser.add_argument("--lock", help="the id of a stale lock, for unlock; none if it is gone already")
    return parser.parse_args()


def main() -> None:
    """Raises SystemExit with one plain sentence for whatever goes wrong."""
    arguments = _arguments()
    approval = ["--auto-approve"] if arguments.auto_approve else []
    try:
        settings, *elsewhere = load_all_regions(ROOT / "cdktf.json", os.environ)
        if arguments.command == "destroy" and settings.deployment.protect_from_deletion:
            sys.exit(
                f"Error: {settings.environment} is protected from deletion; to end it all the same, set "
                f"deployment.protect_from_deletion to false in cdktf.json, deploy that, and destroy it then."
            )
        cdktf = Cdktf(os.environ, output=arguments.output)
        cdktf.synth()
        if arguments.command == "state":
            if settings.state.owner == "s3":
                for regional in (settings, *elsewhere):
                    create_state_bucket(regional)
            cdktf.run("deploy", *state_stacks_of(settings), *approval)
        elif arguments.command == "unlock":
            stacks = stacks_of(settings)
            if arguments.lock:
                stacks = [cdktf.unlock([*stacks, *state_stacks_of(settings)], arguments.lock)]
                print(f"Released the lock of {stacks[0]}.", flush=True)
            silent = Cdktf(os.environ, output=arguments.output, show=lambda _: None)
            for stack in stacks if settings.state.owner != "hcp" else ():
                if adopted := adopt(silent, stack):
                    print(f"Took into the state what the killed deploy had made: {', '.join(adopted)}.")
        elif arguments.command == "synth":
            stacks = [*state_stacks_of(settings), *stacks_of(settings)]
            print(f"Synthesized {', '.join(stacks)} into cdktf.out/stacks.")
        elif arguments.command == "diff":
            for stack in stacks_of(settings):
                cdktf.run("diff", stack)
        else:
            cdktf.run(arguments.command, *stacks_of(settings), *approval)
            if arguments.command == "destroy":
                for stack in stacks_of(settings):
                    cdktf.forget_state(stack)
    except (DeployError, SettingsError, ToolError, OSError) as error:
        sys.exit(f"Error: {error}")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"Error: {explain(str(error)) or error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
