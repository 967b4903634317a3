"""The bindings load one resource at a time, and only when that is asked for."""

import sys

from tests.commands import output

CODE = """
import os, sys
before = dict(os.environ)
import stacks, stacks.settings, stacks.package, tools.cost
assert not [name for name in sys.modules if name.startswith(("cdktf", "jsii"))], "loaded by an import alone"
from stacks import bindings
bindings.load_lazily()
assert dict(os.environ) == before
import stacks.tracking
assert len([name for name in sys.modules if name.startswith(bindings.AWS_BINDINGS)]) < 300
"""


def test_importing_changes_nothing_and_loading_leaves_the_environment_as_it_was() -> None:
    output(sys.executable, "-c", CODE)
