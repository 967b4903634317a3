"""Synthesizes the Terraform configuration of every stack into cdktf.out."""

import json
import os
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parent
#: Of Terraform's AWS provider; `make lock` writes it. A run finds it in the stack's folder, wherever that is.
LOCK = ROOT / "stacks/provider.lock.hcl"

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdktf import App

    from stacks.settings import Settings


def add_stacks(app: "App", settings: "Settings") -> None:
    """Lists the stacks of an environment in a region. Raises SettingsError for a threshold of no alarm."""
    from stacks.partners import PartnersStack
    from stacks.public import PublicStack
    from stacks.state import StateStack
    from stacks.tracking import TrackingStack

    suffix = settings.region_suffix
    StateStack(app, f"state{suffix}", settings)
    tracking = TrackingStack(app, f"tracking-{settings.environment}{suffix}", settings)
    public = PublicStack(app, f"public-{settings.environment}{suffix}", settings, tracking=tracking)
    names = [*tracking.alarm_names, *public.alarm_names]
    if settings.partners.enabled:
        partners = PartnersStack(app, f"partners-{settings.environment}{suffix}", settings, tracking=tracking)
        names += partners.alarm_names
    settings.check_alarms(names)


def write_stacks(settings: "Iterable[Settings]", folder: str | None = None) -> Path:
    """Synthesizes the stacks of each of the settings; returns the folder.

    Args:
        settings: of an environment, for each of its regions.
        folder: where they go; None stands for CDKTF_OUTDIR, or else cdktf.out.

    Raises:
        SettingsError: a threshold is of no alarm.
        PackageError: a Lambda package cannot be built.
    """
    from stacks import bindings

    bindings.load_lazily()
    from cdktf import App

    app = App(outdir=folder)
    for chosen in settings:
        add_stacks(app, chosen)
    app.synth()
    for stack in Path(app.outdir, "stacks").iterdir():
        shutil.copyfile(LOCK, stack / ".terraform.lock.hcl")
    return Path(app.outdir)


def synthesize(settings: "Settings") -> dict[str, Any]:
    """The Terraform JSON of the stacks of an environment in a region, by their names. Raises as `write_stacks`."""
    with TemporaryDirectory() as folder:
        stacks = write_stacks([settings], folder).glob("stacks/*/cdk.tf.json")
        return {path.parent.name: json.loads(path.read_bytes()) for path in stacks}


def main() -> None:
    """Raises SystemExit with one plain sentence for a wrong setting, and for what is missing or cannot be written."""
    if not shutil.which("node"):
        sys.exit("Error: there is no `node` on the PATH; run `make install`, then `make synth`.")
    try:
        _write_all()
    except ModuleNotFoundError as error:
        sys.exit(f"Error: this Python has no package {error.name!r}; run `make install`, then `make synth`.")


def _write_all() -> None:
    from stacks.package import PackageError
    from stacks.settings import SettingsError, load_all_regions

    try:
        write_stacks(load_all_regions(ROOT / "cdktf.json", os.environ))
    except (SettingsError, PackageError) as error:
        sys.exit(f"Error: {error}")
    except (OSError, RuntimeError) as error:
        # As RuntimeErrors come Node's own, through jsii, and those of a wrong stack, which need their traceback.
        if isinstance(error, RuntimeError) and not re.match(r"(Error: )?E[A-Z]+: ", str(error)):
            raise
        sys.exit(f"Error: the stacks cannot be written: {str(error).removeprefix('Error: ')}")


if __name__ == "__main__":
    main()
