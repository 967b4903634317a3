"""Makes CDKTF's prebuilt AWS bindings load one resource at a time.

Both halves of the bindings, the Python package and the Node module behind it, import all of their 2,100
resources at start, which takes most of the time of a synth (`make bench` prints the figure).
"""

import importlib
import importlib.util
import os
import sys
from pathlib import Path

AWS_BINDINGS = "cdktf_cdktf_provider_aws"


def load_lazily() -> None:
    """Imports cdktf, and starts its Node process; to be called before either is done elsewhere.

    Raises:
        ModuleNotFoundError: cdktf is not installed.
    """
    spec = importlib.util.find_spec(AWS_BINDINGS)
    if spec and AWS_BINDINGS not in sys.modules:
        # The package's __init__ only imports its submodules; without it they are found when asked for.
        sys.modules[AWS_BINDINGS] = importlib.util.module_from_spec(spec)

    before = dict(os.environ)
    preload = Path(__file__).with_suffix(".cjs")
    os.environ["NODE_OPTIONS"] = f'{before.get("NODE_OPTIONS", "")} --require "{preload}"'.strip()
    # jsii unpacks the bindings in HOME, where another project's run may be doing so now, or which is read-only.
    if os.access(sys.prefix, os.W_OK):
        os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(Path(sys.prefix, "jsii")))
    # jsii prints a page about Node's release calendar for each version that it does not know.
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20,22")
    os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
    try:
        importlib.import_module("cdktf")
    finally:
        # What Node is started for later, such as Pyodide, is not to load the preload.
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
