"""Synthesizes the Terraform configuration of every stack into cdktf.out."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "lambda"))  # "lambda" is a keyword, so the folder is a root, not a package

if TYPE_CHECKING:
    from cdktf import App

    from stacks.settings import Settings


def add_stacks(app: "App", settings: "Settings") -> None:
    """Lists the stacks."""
    from stacks.public import PublicStack
    from stacks.state import StateStack
    from stacks.tracking import TrackingStack

    StateStack(app, "state", settings)
    tracking = TrackingStack(app, f"tracking-{settings.environment}", settings)
    PublicStack(app, f"public-{settings.environment}", settings, tracking=tracking)


def main() -> None:
    """Raises SystemExit with one plain sentence for a wrong setting and for whatever is not installed."""
    from stacks.package import PackageError
    from stacks.settings import SettingsError, load_settings

    if not shutil.which("node"):
        sys.exit("Error: there is no `node` on the PATH; run `make install`, then `make synth`.")
    try:
        from cdktf import App

        settings = load_settings(ROOT / "cdktf.json", os.environ)
        app = App()
        add_stacks(app, settings)
        app.synth()
    except (SettingsError, PackageError) as error:
        sys.exit(f"Error: {error}")
    except ModuleNotFoundError as error:
        sys.exit(f"Error: this Python has no package {error.name!r}; run `make install`, then `make synth`.")


if __name__ == "__main__":
    main()
