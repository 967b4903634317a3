"""Where Terraform, the CDKTF command line and Terraform's AWS provider come from on this machine."""

import json
import os
import platform
import shlex
import shutil
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
REGISTRY = "registry.terraform.io"
REGISTRY_URL = f"https://{REGISTRY}/.well-known/terraform.json"

#: The folders in which packages and administrators put provider mirrors, besides PROVIDER_MIRROR's.
MIRROR_ROOTS = ("/opt", "/usr/local/share", "/usr/share", "~/.terraform.d", "~/.local/share")


class ToolError(Exception):
    """A tool that a command needs is missing or too old; the message says which, and what to do."""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables under which `cdktf` and `terraform` run.

    Raises:
        ToolError: Node or Terraform is missing or too old.
    """
    result = {
        # Collecting garbage takes a quarter of each call of Terraform, most of it while the provider's schema is read.
        "GOGC": "off",
        "GOMEMLIMIT": "1GiB",
        **environ,
        "PATH": os.pathsep.join(
            [str(ROOT / ".venv/bin"), str(ROOT / "node_modules/.bin"), environ.get("PATH", "")]
        ),
        "CHECKPOINT_DISABLE": "1",
        "DISABLE_VERSION_CHECK": "1",
    }
    # Terraform warns at each call of a configuration that it cannot read.
    if not os.access(environ.get("TF_CLI_CONFIG_FILE", ""), os.R_OK):
        result.pop("TF_CLI_CONFIG_FILE", None)
    for tool in ("node", "cdktf", "terraform"):
        if not shutil.which(tool, path=result["PATH"]):
            raise ToolError(f"`{tool}` is not installed; run `make install`.")
    version = subprocess.run(
        ["terraform", "version", "-json"], env=result, capture_output=True, text=True, check=False
    )
    if version.returncode or _version(json.loads(version.stdout)["terraform_version"]) < (1, 11):
        raise ToolError(
            "Terraform 1.11 or newer is needed, for the lock file of the S3 state; run `make install`."
        )
    return result


def provider_source(provider_version: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that make Terraform find its AWS provider.

    None are needed where the registry answers, or where the user has told Terraform of a mirror. Elsewhere a
    mirror on disk is used if it holds the wanted version, since naming a mirror shuts the registry out.

    Raises:
        ToolError: there is neither.
    """
    if environ.get("TF_CLI_CONFIG_FILE") or _registry_answers():
        return {}
    system, machine = platform.system().lower(), platform.machine().lower()
    target = f"{system}_{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(machine, machine) }"
    roots = [environ.get("PROVIDER_MIRROR", ""), *MIRROR_ROOTS]
    for root in (Path(root).expanduser() for root in roots if root):
        for depth in ("", "*/", "*/*/"):
            for found in root.glob(f"{depth}{REGISTRY}/hashicorp/aws"):
                unpacked = found / provider_version / target
                packed = found / f"terraform-provider-aws_{provider_version}_{target}.zip"
                # The cache that the CDKTF command line fills has a mirror's layout.
                if "plugin-cache" not in found.parts and (unpacked.is_dir() or packed.is_file()):
                    mirror = found.parent.parent.parent
                    return {
                        "TF_CLI_ARGS_init": shlex.quote(f"-plugin-dir={mirror}"),
                        "TF_CLI_ARGS_providers_lock": shlex.quote(f"-fs-mirror={mirror}"),
                    }
    raise ToolError(
        f"The Terraform registry cannot be reached, and no mirror on this machine holds the AWS provider "
        f"{provider_version} for {target}; connect to the internet, or name a mirror's folder in PROVIDER_MIRROR."
    )


def _registry_answers() -> bool:
    try:
        with urllib.request.urlopen(REGISTRY_URL, timeout=5) as answer:
            return "providers.v1" in json.load(answer)
    except (OSError, ValueError):
        return False


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("-")[0].split("."))
