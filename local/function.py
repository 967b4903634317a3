"""Runs a deployed Lambda function on this machine, from the content of its zip."""

import base64
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from local.aws import client
from local.process import Process, interpreter, link_runtime, variables

#: Bytes of an event or an answer; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
PAYLOAD_LIMIT = 6 * 1024 * 1024 + 100
#: Seconds that importing the handler may take, unless the function's own timeout is longer; same source.
INIT_LIMIT = 10


class StaleCodeError(Exception):
    """The package at hand is not the one that is deployed."""


class HandlerError(Exception):
    """The handler cannot be loaded from new sources; the message says why."""


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
    cold: bool = False
    """Whether a process had to be started for it."""


@dataclass(frozen=True)
class _Version:
    """Code and configuration that processes start with."""

    timeout: int
    python: str
    environment: Mapping[str, str]
    """Without the name of the log stream."""


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

    arn: str

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
        self.name = name
        self._endpoint, self._region = endpoint, region
        self._log = log
        self._concurrency = concurrency
        self._lock = threading.Lock()
        self._idle: list[Process] = []
        self._processes: dict[Process, _Version] = {}
        self._closed = False
        self._folder = tempfile.TemporaryDirectory(prefix=f"{name}-")
        try:
            self.load(package)
        except BaseException:
            self._folder.cleanup()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the function's processes, the busy ones too, and remove its unpacked code."""
        with self._lock:
            self._closed = True
            processes = list(self._processes)
        for process in processes:
            process.close()
        self._folder.cleanup()

    def load(self, package: Path) -> None:
        """Read the function's configuration, and take the code of its package from the next event on.

        Raises:
            StaleCodeError: the package is not the one that is deployed.
        """
        deployed = client("lambda", self._endpoint, self._region).get_function(FunctionName=self.name)
        configuration = deployed["Configuration"]
        digest = base64.b64encode(hashlib.sha256(package.read_bytes()).digest()).decode()
        if digest != configuration["CodeSha256"]:
            raise StaleCodeError(
                f"The code deployed as {self.name} is not that of {package}: deploy it again."
            )
        task = self._task()
        with zipfile.ZipFile(package) as content:
            content.extractall(task)
        runtime = Path(self._folder.name, "runtime")
        if not runtime.exists():
            link_runtime(runtime)
        self._deployed = str(task), str(runtime)
        self.arn = configuration["FunctionArn"]
        self._reserved = deployed.get("Concurrency", {}).get("ReservedConcurrentExecutions")
        self._slots = threading.BoundedSemaphore(self._reserved or self._concurrency)
        environment = variables(configuration, self._region, self._endpoint, task, runtime)
        self._replace(_Version(configuration["Timeout"], interpreter(configuration["Runtime"]), environment))

    def reload(self, sources: Mapping[str, bytes]) -> None:
        """Take new sources of the project's own over the deployed package, once their handler is loaded.

        Its dependencies stay as they are deployed. An event that is being answered is answered by the code that
        took it.

        Args:
            sources: by their names in the package: all files of each top-level package that is among them.

        Raises:
            HandlerError: the handler cannot be loaded, and the code at hand stays.
        """
        before = self._version
        task = self._task()
        for name, content in sources.items():
            (task / name).parent.mkdir(parents=True, exist_ok=True)
            (task / name).write_bytes(content)
        # Made when the package was built, of schemas that only a deployment changes.
        for made in Path(self._deployed[0]).glob("*/*_schema.py"):
            if (folder := task / made.parent.name).is_dir():
                shutil.copy(made, folder)
        # What is deployed comes after it on Python's path, as a layer would in Lambda.
        paths = {"LAMBDA_TASK_ROOT": str(task), "LAMBDA_RUNTIME_DIR": os.pathsep.join(self._deployed)}
        version = _Version(before.timeout, before.python, {**before.environment, **paths})
        process = self._start(version)
        try:
            status, payload = process.initialize(max(INIT_LIMIT, version.timeout))
        except (TimeoutError, EOFError) as error:
            status, payload = (
                "error",
                json.dumps({"errorMessage": str(error) or "it takes too long"}).encode(),
            )
        if status == "error":
            self._end(process)
            raise HandlerError(json.loads(payload)["errorMessage"])
        self._replace(version, process)

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
        sent = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        if len(sent.encode(errors="surrogatepass")) > PAYLOAD_LIMIT:
            raise PayloadTooLargeError
        with self._process() as (process, timeout):
            return self._run(process, timeout, request)

    @contextmanager
    def _process(self) -> Iterator[tuple[Process, int]]:
        slots = self._slots
        if not slots.acquire(blocking=not self._reserved):
            raise ThrottledError
        try:
            with self._lock:
                if self._closed:
                    raise RuntimeError(f"{self.name} is closed.")
                process = self._idle.pop() if self._idle else None
            process = process or self._start(self._version)
            version = self._processes[process]
            yield process, version.timeout
            with self._lock:
                if keep := process.alive and version is self._version:
                    self._idle.append(process)
            if not keep:
                self._end(process)
        finally:
            slots.release()

    def _start(self, version: _Version) -> Process:
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}"
        with self._lock:
            if self._closed:
                raise RuntimeError(f"{self.name} is closed.")
            process = Process(
                version.python, {**version.environment, "AWS_LAMBDA_LOG_STREAM_NAME": stream}, self._log
            )
            self._processes[process] = version
        return process

    def _end(self, process: Process) -> None:
        process.close()
        with self._lock:
            self._processes.pop(process, None)

    def _replace(self, version: _Version, *processes: Process) -> None:
        """From now on `version` runs, for which `processes` are ready; of others the idle ones end."""
        with self._lock:
            self._version = version
            former, self._idle = self._idle, list(processes)
        for process in former:
            self._end(process)

    def _task(self) -> Path:
        """A new folder to unpack code in."""
        return Path(tempfile.mkdtemp(prefix="task-", dir=self._folder.name))

    def _run(self, process: Process, timeout: int, request: dict[str, Any]) -> Invocation:
        request_id, cold = request["id"], not process.ready

        def failed(kind: str, message: str) -> Invocation:
            process.close()
            self._log(f"RequestId: {request_id} Error: {message}")
            payload = {"errorMessage": f"RequestId: {request_id} Error: {message}", "errorType": kind}
            return Invocation(request_id, payload, "Unhandled", cold)

        try:
            status, payload = process.initialize(max(INIT_LIMIT, timeout))
            if status == "ready":
                request["deadline"] = time.time() + timeout
                status, payload = process.exchange(request, timeout)
        except TimeoutError:
            message = f"Task timed out after {timeout:.2f} seconds"
            return failed("Sandbox.Timedout", message)
        except EOFError as error:
            return failed("Runtime.ExitError", f"Runtime exited with error: {error}")
        answer, kind = json.loads(payload), "Unhandled" if status == "error" else None
        if len(payload) > PAYLOAD_LIMIT:
            message = f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes)."
            answer = {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}
            kind = "Unhandled"
        return Invocation(request_id, answer, kind, cold)


def trace_id() -> str:
    """A new X-Ray trace id."""
    return f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
