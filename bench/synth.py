"""CPU time of `python main.py`, beside the same with CDKTF's bindings imported as they come."""

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
RUNS = 5

# The baseline: the same app, with the package's own __init__ and without the preload.
PLAIN = """
import sys
sys.path.insert(0, ".")
from stacks import bindings
bindings.load_lazily = lambda: None
import cdktf_cdktf_provider_aws
import main
main.main()
"""


def cpu_seconds(arguments: list[str]) -> float:
    """User and system time of a synth, its Node process included."""
    with TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "CDKTF_OUTDIR": folder},
            check=True,
            capture_output=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Prints the medians of paired runs, and their ratio."""
    for arguments in (["main.py"], ["-c", PLAIN]):  # packages built, jsii's cache warm
        cpu_seconds(arguments)
    lazy, plain = [], []
    for _ in range(RUNS):
        plain.append(cpu_seconds(["-c", PLAIN]))
        lazy.append(cpu_seconds(["main.py"]))
    base = statistics.median(plain)
    ratio = statistics.median(one / other for one, other in zip(lazy, plain, strict=True))
    print(f"synth, CPU seconds, median of {RUNS} paired runs")
    print(f"  plain imports of the bindings  {base:6.2f}  1")
    print(f"  python main.py                 {statistics.median(lazy):6.2f}  {ratio:.2f}")


if __name__ == "__main__":
    main()
