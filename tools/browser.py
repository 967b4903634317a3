"""A browser without a window, for the tests of the customer's page and its picture in the README."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from tools.toolchain import ROOT, ToolError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: Unpacks the Chromium of npm's @sparticuz/chromium, which is for x86-64 Linux; says where it is, and its environment.
_UNPACK = """
import chromium from "@sparticuz/chromium";
const path = await chromium.executablePath();
const { FONTCONFIG_PATH, LD_LIBRARY_PATH } = process.env;
console.log(JSON.stringify({ path, environment: { FONTCONFIG_PATH, LD_LIBRARY_PATH } }));
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine or of Playwright, or else of an npm package, which brings its libraries and fonts.

    Raises:
        ToolError: there is none, and the package is not installed.
    """
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        installed = [shutil.which(name) for name in _NAMES]
        path = next(filter(None, installed), playwright.chromium.executable_path)
        environment = dict(os.environ)
        if not Path(path).exists():
            # The package unpacks its libraries for Lambda's machines alone, which this variable tells it of.
            hints = {"TMPDIR": folder, "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs20.x"}
            command = ["node", "--input-type=module", "--eval", _UNPACK]
            unpacked = subprocess.run(
                command, cwd=ROOT, env={**environment, **hints}, check=False, capture_output=True
            )
            if unpacked.returncode:
                raise ToolError("There is no Chromium: run `make install`, or `playwright install chromium`.")
            found = json.loads(unpacked.stdout)
            path, environment = found["path"], {**environment, **found["environment"]}
        # Not with the package's own arguments: they switch the same-origin policy off.
        browser = playwright.chromium.launch(executable_path=path, env={**environment})
        yield browser
        browser.close()
