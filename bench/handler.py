"""What the tracking function costs: cold start, warm requests, size of the package.

`python -m bench.handler [ROUNDS]`. Beside the built package run (a) bench/usual, the same API in the usual style,
without and with Powertools' validate(), (b) the floor, one stock botocore client and one call, and (c) the anchor,
bench/anchor.py. All sides have bytecode for the same interpreter, call the same stub over TLS, and take turns. The
ratios in brackets are to (a), to (a) that validates, and to (b). BENCH_PYTHON names the interpreter; the default is
the runtime's minor version if it is on PATH, else the Python that runs this.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from importlib.metadata import distribution
from pathlib import Path
from statistics import median

import contract
from bench.stub import stub
from local.process import interpreter
from stacks.package import PYTHON, build

HERE = Path(__file__).parent
OURS, FLOOR, ANCHOR = "the built package", "(b) the floor", "(c) the anchor"
USUAL, VALIDATING = "(a) the usual style", "(a) and validates"
RUNNERS = {OURS: "tracking", USUAL: "usual", VALIDATING: "usual", FLOOR: "floor", ANCHOR: "anchor"}
#: What (a) and (b) import, as Lambda's runtime and a layer hold it.
LIBRARIES: tuple[str, ...] = (
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "python-dateutil",
    "six",
    "urllib3",
)
LIBRARIES += ("aws-lambda-powertools", "aws-xray-sdk", "fastjsonschema", "wrapt", "typing-extensions")
WARM_REQUESTS = 300
REGION = "us-east-1"

#: What a side was measured to take, in ms or MB, by what it is.
Sample = dict[str, float]


def main(rounds: int = 15) -> None:
    """Measure every side `rounds` times, and print the tables."""
    python = os.environ.get("BENCH_PYTHON") or interpreter(f"python{PYTHON}")
    with tempfile.TemporaryDirectory() as folder, stub(Path(folder)) as endpoint:
        package = build("tracking")
        folders = lay_out(package, Path(folder), python)
        cold, warm = (
            measure(rounds, requests, python, folders, Path(folder), endpoint)
            for requests in (0, WARM_REQUESTS)
        )
    version = subprocess.check_output([python, "--version"], text=True).strip()
    print(f"{version}, Lambda runs {PYTHON}; medians of {rounds} runs, all sides in turn")
    show("Cold: a process from its start to the first answered POST and GET", cold)
    show(f"Warm: CPU of a request, median of {WARM_REQUESTS}", warm)
    with zipfile.ZipFile(package) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    print(f"\nPackage: {package.stat().st_size / 1e6:.1f} MB, unpacked {unpacked / 1e6:.1f} MB")


def lay_out(package: Path, folder: Path, python: str) -> dict[str, Path]:
    """Where each side's code is, with bytecode for `python`."""
    ours, libraries = folder / "ours", folder / "libraries"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(ours)
    for name in LIBRARIES:
        installed = distribution(name)
        for file in installed.files or []:
            if file.suffix != ".pyc" and ".." not in file.parts:
                (libraries / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), libraries / file)
    shutil.copytree(HERE / "usual", libraries / "usual", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        HERE.parent / "lambda/contract", libraries / "contract", ignore=shutil.ignore_patterns("__pycache__")
    )
    # Of `ours` too: it holds bytecode already, which another Python than Lambda's cannot use.
    subprocess.run(
        [python, "-m", "compileall", "-qq", "--invalidation-mode=unchecked-hash", ours, libraries],
        check=False,
    )
    return {OURS: ours, USUAL: libraries, VALIDATING: libraries, FLOOR: libraries, ANCHOR: libraries}


def measure(
    rounds: int, requests: int, python: str, folders: dict[str, Path], folder: Path, endpoint: str
) -> dict[str, list[Sample]]:
    """The samples of each side: of a cold start, or of warm requests if `requests` is over 0."""
    samples = defaultdict(list)
    for number in range(rounds + 1):
        for side, path in folders.items():
            if requests and side == FLOOR:
                continue
            bundle = folder / "bundle.pem"
            few = folders[OURS] / "runtime/roots.pem"
            trusted = few if side in (OURS, ANCHOR) else path / "botocore/cacert.pem"
            bundle.write_bytes(trusted.read_bytes() + b"\n" + (folder / "stub.pem").read_bytes())
            sample = run(
                [python, "-I", str(HERE / "runner.py"), RUNNERS[side], str(path), str(requests)],
                {
                    "AWS_CA_BUNDLE": str(bundle),
                    "VALIDATES": "yes" if side == VALIDATING else "",
                    "AWS_ENDPOINT_URL": endpoint,
                    "AWS_DEFAULT_REGION": REGION,
                    "AWS_ACCESS_KEY_ID": "bench",
                    "AWS_SECRET_ACCESS_KEY": "bench",
                    "LAMBDA_TASK_ROOT": str(path),
                    "AWS_LAMBDA_FUNCTION_NAME": "bench",
                    # As Lambda sets it for the many requests that X-Ray does not sample.
                    "_X_AMZN_TRACE_ID": "Root=1-5e1b4151-5ac6c58f3fb5c6d6e5c6a1b2;Parent=53995c3f42cd8ad8;Sampled=0",
                    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
                    "POWERTOOLS_SERVICE_NAME": "tracking-api",
                    "POWERTOOLS_METRICS_NAMESPACE": "LogisticsTracking",
                    contract.TABLE_NAME: "updates",
                    contract.SHIPMENTS_TABLE: "shipments",
                    contract.REFERENCES_TABLE: "references",
                    contract.IDEMPOTENCY_TABLE: "idempotency",
                    contract.ENVIRONMENT: "bench",
                    contract.REGION: REGION,
                    contract.STATUS_INDEX_SHARDS: "1",
                    contract.STATUS_INDEX_SHARDS_READ: "1",
                    contract.CONFIG_PARAM: "/config",
                    contract.FEATURE_FLAGS_PARAM: "/flags",
                },
            )
            if number:  # the first run fills the disk's cache
                samples[side].append(sample)
    return samples


def run(command: list[str], environment: dict[str, str]) -> Sample:
    """What a process takes, or what it says that it took."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = (time.perf_counter() - started) * 1000
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    sample: Sample = json.loads(said or "null") or {
        "CPU ms": (usage.ru_utime + usage.ru_stime) * 1000,
        "wall ms": wall,
    }
    return sample


def show(title: str, samples: dict[str, list[Sample]]) -> None:
    """A table with each side's medians, and in brackets their ratios to the baselines'."""
    print(f"\n{title}")
    medians = {
        side: {figure: median(sample[figure] for sample in taken) for figure in taken[0]}
        for side, taken in samples.items()
    }
    for side, figures in medians.items():
        cells = []
        for figure, value in figures.items():
            ratios = [
                f"{value / medians[base][figure]:.2f}"
                for base in (USUAL, VALIDATING, FLOOR)
                if base in medians
            ]
            cells.append(f"{figure} {value:8.2f} ({' '.join(ratios)})")
        print(f"  {side:20}", *cells, sep="  ")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
