"""How `make up` ends."""

import subprocess
import sys
from pathlib import Path

from main import ROOT

INTERRUPTED = """
import local.up

def interrupt():
    exec("raise KeyboardInterrupt")

local.up._run = interrupt
local.up.main()
"""


def test_an_interrupt_while_a_dataclass_is_made_is_one_like_all_others(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(INTERRUPTED, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, tmp_path / "interrupted.py"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr.strip()) == (0, "Stopped.")
