"""Runs a deployed Lambda function on this machine, from the content of its zip, in processes of its own."""

import base64
import hashlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3

from local.aws import CREDENTIALS

#: Bytes of an event or an answer; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
PAYLOAD_LIMIT = 6 * 1024 * 1024 + 100
#: Seconds that importing the handler may take, unless the function's own timeout is longer; same source.
INIT_LIMIT = 10
#: What Lambda's Python runtimes have on their path after the package: the AWS SDK and what it needs.
RUNTIME_MODULES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")


class StaleCodeError(Exception):
    """The package at hand is not the one that is deployed."""


class ThrottledError(Exception):
    """Every execution that the function's reserved concurrency allows is busy."""


class PayloadTooLargeError(Exception):
    """The event is larger than PAYLOAD_LIMIT."""


@dataclass(frozen=True)
class Invocation:
    """What one invocation came to, as Lambda's Invoke API tells it."""

    request_id: str
    payload: Any
    """What the handler returned, or ``{"errorMessage", "errorType", ...}``."""
    error: str | None = None
    """Lambda's FunctionError: ``Unhandled``, or None."""
    timed_out: bool = False


class Function:
    """One deployed function; a context manager, and safe to use from several threads.

    A process answers one event at a time and keeps its imports for the next; more events at once start more
    processes, up to the function's reserved concurrency or, if it has none, up to ``concurrency``, beyond
    which events wait. A process ends when this object is closed or when the program that holds it dies.

    Args:
        name: the deployed function's name.
        endpoint: base URL of the embedded AWS.
        region: the function's region.
        package: the function's zip, which the embedded AWS does not hand out. It must run on any
            architecture, or on that of this machine.
        log: gets each line that the function prints, from any thread, before ``invoke`` returns.
        concurrency: the most processes at once.

    Raises:
        StaleCodeError: the package is not the one that is deployed.
    """

    def __init__(
        self,
        name: str,
        *,
        endpoint: str,
        region: str,
        package: Path,
        log: Callable[[str], None] = print,
        concurrency: int = 4,
    ) -> None:
        client = boto3.client(
            "lambda",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        deployed = client.get_function(FunctionName=name)
        configuration = deployed["Configuration"]
        self.name = name
        self.arn: str = configuration["FunctionArn"]
        self.timeout: int = configuration["Timeout"]
        self._log = log
        self._reserved = deployed.get("Concurrency", {}).get("ReservedConcurrentExecutions")
        self._slots = threading.BoundedSemaphore(self._reserved or concurrency)
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._processes: set[_Process] = set()
        self._closed = False

        digest = base64.b64encode(hashlib.sha256(package.read_bytes()).digest()).decode()
        if digest != configuration["CodeSha256"]:
            raise StaleCodeError(f"The code deployed as {name} is not that of {package}: deploy it again.")
        self._folder = tempfile.TemporaryDirectory(prefix=f"{name}-")
        task, runtime = Path(self._folder.name, "task"), Path(self._folder.name, "runtime")
        with zipfile.ZipFile(package) as content:
            content.extractall(task)
        _link_runtime(runtime)
        self._python = interpreter(configuration["Runtime"])
        self._environment = _environment(configuration, region, endpoint, task, runtime)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the function's processes, the busy ones too, and remove its unpacked code."""
        with self._lock:
            self._closed = True
            processes = list(self._processes)
        for process in processes:
            process.close()
        self._folder.cleanup()

    def invoke(self, event: object, *, trace: str | None = None) -> Invocation:
        """Run the handler once and wait for it.

        Args:
            event: anything that JSON can say.
            trace: an X-Ray trace id (``1-...``) to go on with; a new one if there is none.

        Raises:
            ThrottledError: as Lambda's TooManyRequestsException; only with a reserved concurrency.
            PayloadTooLargeError: the event exceeds Lambda's limit.
        """
        request = {"id": str(uuid.uuid4()), "arn": self.arn, "event": event}
        # Nothing collects segments here, so no request is sampled and the X-Ray SDK stays quiet.
        request["trace"] = f"Root={trace or trace_id()};Parent={secrets.token_hex(8)};Sampled=0"
        if len(json.dumps(event).encode()) > PAYLOAD_LIMIT:
            raise PayloadTooLargeError
        with self._process() as process:
            return self._run(process, request)

    @contextmanager
    def _process(self) -> Iterator["_Process"]:
        if not self._slots.acquire(blocking=not self._reserved):
            raise ThrottledError
        try:
            with self._lock:
                if self._closed:
                    raise RuntimeError(f"{self.name} is closed.")
                process = self._idle.pop() if self._idle else self._start()
            yield process
            with self._lock:
                (self._idle.append if process.alive else self._processes.discard)(process)
        finally:
            self._slots.release()

    def _start(self) -> "_Process":
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}"
        process = _Process(
            self._python, {**self._environment, "AWS_LAMBDA_LOG_STREAM_NAME": stream}, self._log
        )
        self._processes.add(process)
        return process

    def _run(self, process: "_Process", request: dict[str, Any]) -> Invocation:
        request_id = request["id"]

        def failed(kind: str, message: str, *, timed_out: bool = False) -> Invocation:
            process.close()
            self._log(f"RequestId: {request_id} Error: {message}")
            payload = {"errorMessage": f"RequestId: {request_id} Error: {message}", "errorType": kind}
            return Invocation(request_id, payload, "Unhandled", timed_out)

        try:
            status, payload = process.initialize(max(INIT_LIMIT, self.timeout))
            if status == "ready":
                request["deadline"] = time.time() + self.timeout
                status, payload = process.exchange(request, self.timeout)
        except TimeoutError:
            message = f"Task timed out after {self.timeout:.2f} seconds"
            return failed("Sandbox.Timedout", message, timed_out=True)
        except EOFError as error:
            return failed("Runtime.ExitError", f"Runtime exited with error: {error}")
        if len(payload) > PAYLOAD_LIMIT:
            message = f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes)."
            return Invocation(
                request_id,
                {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"},
                "Unhandled",
            )
        return Invocation(request_id, json.loads(payload), "Unhandled" if status == "error" else None)


class _Process:
    """One of Lambda's execution environments: a process with the handler loaded."""

    def __init__(self, python: str, environment: dict[str, str], log: Callable[[str], None]) -> None:
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
        self._ready = False
        self._reported = threading.Event()
        self._logs = threading.Thread(target=self._follow, args=(log,), daemon=True)
        self._logs.start()

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def initialize(self, seconds: float) -> tuple[str, bytes]:
        if self._ready:
            return "ready", b""
        answer = self._read(seconds)
        self._ready = answer[0] == "ready"
        if not self._ready:
            self.close()
        return answer

    def exchange(self, request: dict[str, Any], seconds: float) -> tuple[str, bytes]:
        self._reported.clear()
        with suppress(BrokenPipeError):  # it died since its last answer; reading will tell
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        answer = self._read(seconds)
        self._reported.wait(1)
        return answer

    def close(self) -> None:
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


def trace_id() -> str:
    """A new X-Ray trace id."""
    return f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"


def _link_runtime(folder: Path) -> None:
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


def _environment(
    configuration: dict[str, Any], region: str, endpoint: str, task: Path, runtime: Path
) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""
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
