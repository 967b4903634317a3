"""`python -m tools.previews`: destroys the previews that no open pull request with the label `preview` stands for.

A workflow of a pull request does not run while it has conflicts, so the one that destroys its preview may never have.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable

import boto3

from stacks.settings import load_all_regions
from tools.failures import one_sentence
from tools.github import GitHub
from tools.toolchain import ROOT

LABEL = "preview"


def left_over(github: GitHub, regions: Iterable[str]) -> list[str]:
    """The environments `pr-NUMBER` that have something in AWS and nobody who wants it. Raises GitHubError."""
    environments = set()
    for region in regions:
        client = boto3.client("resourcegroupstaggingapi", region_name=region)
        for page in client.get_paginator("get_tag_values").paginate(Key="Environment"):
            environments |= {value for value in page["TagValues"] if re.fullmatch(r"pr-\d+", value)}
    found = []
    for environment in sorted(environments):
        pull_request = github.request("GET", f"/pulls/{environment.removeprefix('pr-')}")
        labels = [label["name"] for label in pull_request["labels"]]
        if pull_request["state"] != "open" or LABEL not in labels:
            found.append(environment)
    return found


def main() -> None:
    """Destroys them. Raises what `one_sentence` takes, or SystemExit."""
    settings = load_all_regions(ROOT / "cdktf.json", {**os.environ, "ENVIRONMENT_SUFFIX": "pr-0"})
    environments = left_over(GitHub(os.environ), [regional.region for regional in settings])
    print(f"To be destroyed: {', '.join(environments) or 'none'}.", flush=True)
    failed = [
        environment
        for environment in environments
        if subprocess.run(
            [sys.executable, "-m", "tools.deploy", "destroy", "--auto-approve"],
            cwd=ROOT,
            env={**os.environ, "ENVIRONMENT_SUFFIX": environment},
            check=False,
        ).returncode
    ]
    if failed:
        sys.exit(f"Error: {', '.join(failed)} could not be destroyed; the lines above say why.")


if __name__ == "__main__":
    with one_sentence():
        main()
