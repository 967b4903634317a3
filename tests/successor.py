"""Runs main.py where CDK Terrain is installed instead of CDKTF; the sources are the same, only the names differ."""

import importlib.util
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

if importlib.util.find_spec("cdktn"):
    # A bare module, so that resources are imported one by one, as stacks.bindings does for CDKTF.
    bindings = importlib.util.find_spec("cdktn_provider_aws")
    assert bindings
    sys.modules["cdktf_cdktf_provider_aws"] = importlib.util.module_from_spec(bindings)
    sys.modules["cdktf"] = importlib.import_module("cdktn")
runpy.run_path(str(ROOT / "main.py"), run_name="__main__")
