"""Terraform's AWS provider as a process that many runs of Terraform share, where each would start and check its own."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.commands import output
from tools.toolchain import environment, provider_source

VERSION = "5.100.0"


def variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Those with which Terraform finds the provider."""
    found = environment(environ)
    return {**found, **provider_source(VERSION, found)}


@contextmanager
def running(folder: Path, environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The variable with which Terraform takes this one, for one run at a time.

    Args:
        folder: takes what Terraform installs.
        environ: of the provider, which say where AWS is.
    """
    needs = {"terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": VERSION}}}}
    (folder / "main.tf.json").write_text(json.dumps(needs), encoding="utf-8")
    environ = variables(environ)
    output("terraform", "init", "-input=false", folder=folder, environ=environ)
    (program,) = folder.glob(".terraform/providers/*/*/aws/*/*/terraform-provider-aws_*")
    # It lives long, so its garbage is collected; and it takes no certificates a second time.
    own = {name: value for name, value in environ.items() if name not in ("GOGC", "AWS_CA_BUNDLE")}
    with subprocess.Popen(
        [program, "-debug"],
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        try:
            found = (re.search("TF_REATTACH_PROVIDERS='(.*)'", line) for line in process.stdout)
            yield {"TF_REATTACH_PROVIDERS": next(match[1] for match in found if match)}
        finally:
            process.send_signal(signal.SIGINT)
