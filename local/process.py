"""One of Lambda's execution environments: a process on this machine with a handler loaded."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from local.aws import CREDENTIALS

#: What Lambda's Python runtimes have on their path after the package: the AWS SDK and what it needs.
RUNTIME_MODULES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")


class Process:
    """Answers one event at a time, and keeps its imports for the next.

    Args:
        python: the interpreter.
        environment: all of its variables, those of Lambda's runtime among them.
        log: gets each line that the handler prints.
    """

    def __init__(self, python: str, environment: Mapping[str, str], log: Callable[[str], None]) -> None:
        bootstrap = Path(__file__).with_name("bootstrap.py")
        self._popen = subprocess.Popen(
            [python, "-I", "-S", "-u", "-X", "utf8", bootstrap],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=environment["LAMBDA_TASK_ROOT"],
            start_new_session=True,  # Ctrl-C is for the parent, which kills this process's whole group
        )
        assert self._popen.stdin is not None  # noqa: S101 (for the type checker)
        assert self._popen.stdout is not None  # noqa: S101
        assert self._popen.stderr is not None  # noqa: S101
        self._requests, self._answers = self._popen.stdin, self._popen.stdout
        self._log_lines = self._popen.stderr
        self.ready = False
        """Whether the handler is loaded."""
        self._reported = threading.Event()
        self._logs = threading.Thread(target=self._follow, args=(log,), daemon=True)
        self._logs.start()

    @property
    def alive(self) -> bool:
        """Whether it can take another event."""
        return self._popen.poll() is None

    def initialize(self, seconds: float) -> tuple[str, bytes]:
        """Wait until the handler is loaded: ``ready``, or ``error`` with what is wrong as JSON.

        Raises:
            TimeoutError: it takes longer.
            EOFError: the process ended; the message says how.
        """
        if self.ready:
            return "ready", b""
        answer = self._read(seconds)
        self.ready = answer[0] == "ready"
        if not self.ready:
            self.close()
        return answer

    def exchange(self, request: dict[str, Any], seconds: float) -> tuple[str, bytes]:
        """The answer to an event: ``result`` or ``error``, and JSON. Raises as `initialize` does."""
        self._reported.clear()
        with suppress(BrokenPipeError):  # it died since its last answer; reading will tell
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        answer = self._read(seconds)
        self._reported.wait(1)
        return answer

    def close(self) -> None:
        """End it, and all that it has started."""
        self._kill()
        self._popen.wait()
        self._logs.join(1)
        for pipe in (self._requests, self._answers, self._log_lines):
            with suppress(BrokenPipeError):  # what is left of a request that nobody read
                pipe.close()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def _read(self, seconds: float) -> tuple[str, bytes]:
        late = threading.Event()

        def expire() -> None:
            late.set()
            self._kill()

        timer = threading.Timer(seconds, expire)
        timer.start()
        try:
            line = self._answers.readline()
        finally:
            timer.cancel()
        if not line.endswith(b"\n"):
            if late.is_set():
                raise TimeoutError
            code = self._popen.wait()
            raise EOFError(f"exit status {code}" if code >= 0 else f"signal: {signal.Signals(-code).name}")
        status, _, payload = line.rstrip(b"\n").partition(b" ")
        return status.decode(), payload

    def _follow(self, log: Callable[[str], None]) -> None:
        for line in self._log_lines:
            log(line.decode(errors="replace").rstrip("\n"))
            if line.startswith(b"REPORT RequestId: "):
                self._reported.set()


def link_runtime(folder: Path) -> None:
    """Links to the AWS SDK alone, so that a handler cannot import what Lambda does not have."""
    folder.mkdir()
    for name in RUNTIME_MODULES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"The AWS SDK needs {name}, which is not installed.")
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)


def interpreter(runtime: str) -> str:
    """A Python of the runtime's minor version (``python3.13``) if this machine has one, else this one."""
    if runtime == f"python{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    if found := shutil.which(runtime):
        # A version manager's stand-in on the path is slow, and fails for a version that is not active.
        asked = subprocess.run(
            [found, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            return asked.stdout.strip()
    return sys.executable


def variables(
    configuration: dict[str, Any], region: str, endpoint: str, task: Path, runtime: Path
) -> dict[str, str]:
    """The variables of a deployed function, but for the name of its log stream;

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    """
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": os.defpath,
        **configuration.get("Environment", {}).get("Variables", {}),
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_VERSION": configuration["Version"],
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{configuration['FunctionName']}",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_RUNTIME_DIR": str(runtime),
        "LAMBDA_TASK_ROOT": str(task),
        "_HANDLER": configuration["Handler"],
    }
