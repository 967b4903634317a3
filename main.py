"""Synthesizes the Terraform configuration of every stack into cdktf.out."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "lambda"))  # "lambda" is a keyword, so the folder is a root, not a package


def main() -> None:
    """Reads the settings and lists the stacks."""
    from stacks.package import PackageError
    from stacks.settings import SettingsError, load_settings

    try:
        from cdktf import App

        from stacks.state import StateStack
        from stacks.tracking import TrackingStack

        settings = load_settings(ROOT / "cdktf.json", os.environ)
        app = App()
        StateStack(app, "state", settings)
        TrackingStack(app, f"tracking-{settings.environment}", settings)
        app.synth()
    except (SettingsError, PackageError) as error:
        sys.exit(f"Error: {error}")
    except ModuleNotFoundError as error:
        sys.exit(
            f"Error: this Python has no package {error.name!r}; run `make install`, then use .venv/bin/python."
        )


if __name__ == "__main__":
    main()
