"""`make policy`: checkov over what is synthesized for ENVIRONMENT_SUFFIX (prod); tools/checkov.yaml holds its skips."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from main import synthesize
from stacks.package import PackageError
from stacks.settings import SettingsError, load_settings
from tools.environments import python_of
from tools.toolchain import ROOT, ToolError

CONFIG = Path(__file__).with_name("checkov.yaml")
#: Parts of a stack in which there is nothing to check, and which checkov cannot read.
UNREADABLE = ("terraform", "import")

Failure = tuple[str, str, str]


def failures(stacks: Mapping[str, Any], config: Path = CONFIG) -> set[Failure]:
    """What checkov finds wrong with Terraform JSON: the check's id, its title, and stack and resource.

    Args:
        stacks: the Terraform JSON of each stack, by name.
        config: checkov's.

    Raises:
        ToolError: checkov could not be installed, or could not read a stack.
    """
    python = python_of("checkov")
    with TemporaryDirectory() as home:
        folder = Path(home, "stacks")
        for name, stack in stacks.items():
            path = folder / name / "cdk.tf.json"
            path.parent.mkdir(parents=True)
            readable = {key: value for key, value in stack.items() if key not in UNREADABLE}
            path.write_text(json.dumps(readable, indent=2), encoding="utf-8")
        options = [f"--config-file={config}", f"--directory={folder}", "--output=json"]
        done = subprocess.run(
            [python, "-m", "checkov.main", *options],
            env={**os.environ, "HOME": home},  # it keeps a cache there
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        report = json.loads(done.stdout)
        summary, found = report["summary"], report["results"]["failed_checks"]
        # It takes a stack that it cannot read, or none at all, for a success.
        if summary["parsing_errors"] or not summary["passed"]:
            raise ValueError(f"{summary['parsing_errors']} of {len(stacks)} stacks cannot be read")
    except (ValueError, TypeError, KeyError) as error:
        raise ToolError(
            f"checkov could not check the stacks: {error!r}. {done.stderr.strip()[-500:]}"
        ) from error
    return {
        (item["check_id"], item["check_name"], f"{Path(item['file_path']).parent.name}: {item['resource']}")
        for item in found
    }


def main() -> None:
    """Raises SystemExit with a line for each failed check, or one plain sentence."""
    environment = os.environ.get("ENVIRONMENT_SUFFIX") or "prod"
    try:
        settings = load_settings(ROOT / "cdktf.json", {**os.environ, "ENVIRONMENT_SUFFIX": environment})
        found = failures(synthesize(settings))
    except (SettingsError, PackageError, ToolError) as error:
        sys.exit(f"Error: {error}")
    for failure in sorted(found):
        print("{}: {} ({})".format(*failure))
    if found:
        sys.exit(
            f"Error: the stacks of {environment} fail {len(found)} checks; mend them, or see {CONFIG.name}."
        )
    print(f"The stacks of {environment} pass every check that {CONFIG.relative_to(ROOT)} does not skip.")


if __name__ == "__main__":
    main()
