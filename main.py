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
sys.path.insert(0, str(ROOT / "lambda"))  # "lambda" is a keyword, so the folder is a root, not a package

if TYPE_CHECKING:
    from cdktf import App

    from stacks.settings import Settings


def add_stacks(app: "App", settings: "Settings") -> None:
    """Lists the stacks of an environment in a region. Raises SettingsError for a threshold of no alarm."""
    from stacks.public import PublicStack
    from stacks.state import StateStack
    from stacks.tracking import TrackingStack

    suffix = settings.region_suffix
    StateStack(app, f"state{suffix}", settings)
    tracking = TrackingStack(app, f"tracking-{settings.environment}{suffix}", settings)
    public = PublicStack(app, f"public-{settings.environment}{suffix}", settings, tracking=tracking)
    settings.check_alarms([*tracking.alarm_names, *public.alarm_names])


def synthesize(settings: "Settings") -> dict[str, Any]:
    """The Terraform JSON of the stacks of an environment in a region, by their names. Raises as `add_stacks`."""
    from cdktf import App

    with TemporaryDirectory() as folder:
        app = App(outdir=folder)
        add_stacks(app, settings)
        app.synth()
        return {path.parent.name: json.loads(path.read_bytes()) for path in Path(folder).rglob("cdk.tf.json")}


def main() -> None:
    """Raises SystemExit with one plain sentence for a wrong setting, and for what is missing or cannot be written."""
    from stacks.package import PackageError
    from stacks.settings import SettingsError, load_all_regions

    if not shutil.which("node"):
        sys.exit("Error: there is no `node` on the PATH; run `make install`, then `make synth`.")
    try:
        from cdktf import App

        app = App()
        for settings in load_all_regions(ROOT / "cdktf.json", os.environ):
            add_stacks(app, settings)
        app.synth()
        for folder in Path(app.outdir, "stacks").iterdir():
            shutil.copyfile(LOCK, folder / ".terraform.lock.hcl")
    except (SettingsError, PackageError) as error:
        sys.exit(f"Error: {error}")
    except (OSError, RuntimeError) as error:
        # As RuntimeErrors come Node's own, through jsii, and those of a wrong stack, which need their traceback.
        if isinstance(error, RuntimeError) and not re.match(r"(Error: )?E[A-Z]+: ", str(error)):
            raise
        sys.exit(f"Error: the stacks cannot be written: {str(error).removeprefix('Error: ')}")
    except ModuleNotFoundError as error:
        sys.exit(f"Error: this Python has no package {error.name!r}; run `make install`, then `make synth`.")


if __name__ == "__main__":
    main()
