"""The inside of a function's process: what Lambda's own runtime does for a Python handler.

Run as a script under the function's interpreter, so it uses the standard library alone. Events come in on
stdin, answers go out on stdout, both as lines; whatever the function prints goes to stderr, which is its log.
"""

import decimal
import importlib
import json
import logging
import os
import queue
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, BinaryIO


class _HandlerError(Exception):
    """The handler cannot be loaded; names Lambda's error type and message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def _load(name: str) -> Callable[[object, object], object]:
    module_name, _, function_name = name.rpartition(".")
    if not module_name:
        raise _HandlerError("Runtime.MalformedHandlerName", f"Bad handler '{name}': no module in it")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise _HandlerError("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        raise _HandlerError("Runtime.UserCodeSyntaxError", message) from error
    handler: Callable[[object, object], object] | None = getattr(module, function_name, None)
    if handler is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise _HandlerError("Runtime.HandlerNotFound", message)
    return handler


def _number(value: object) -> float:
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _marshal(result: object) -> str:
    try:
        return json.dumps(result, ensure_ascii=False, default=_number)
    except (TypeError, ValueError) as error:
        message = f"Unable to marshal response: {error}"
        raise _HandlerError("Runtime.MarshalError", message) from error


def _failure(error: Exception, request_id: str) -> str:
    kind = error.kind if isinstance(error, _HandlerError) else type(error).__name__
    frames = [] if isinstance(error, _HandlerError) else traceback.format_tb(error.__traceback__)[1:]
    print(f"[ERROR] {kind}: {error}\n{''.join(frames)}", end="" if frames else None, flush=True)
    return json.dumps(
        {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": frames}
    )


def _context(request: dict[str, Any]) -> SimpleNamespace:
    def remaining() -> int:
        return max(0, int(request["deadline"] * 1000 - time.time() * 1000))

    return SimpleNamespace(
        aws_request_id=request["id"],
        function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        invoked_function_arn=request["arn"],
        memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        identity=None,
        client_context=None,
        get_remaining_time_in_millis=remaining,
    )


def _read(requests: BinaryIO, waiting: "queue.SimpleQueue[bytes]") -> None:
    for line in requests:
        waiting.put(line)
    os._exit(0)  # the other end is gone, so nobody waits for what the handler may still be doing


def _answer(handler: Callable[[object, object], object], request: dict[str, Any]) -> str:
    os.environ["_X_AMZN_TRACE_ID"] = request["trace"]
    version, size = (os.environ[f"AWS_LAMBDA_FUNCTION_{name}"] for name in ("VERSION", "MEMORY_SIZE"))
    print(f"START RequestId: {request['id']} Version: {version}", flush=True)
    started = time.perf_counter()
    try:
        answer = "result " + _marshal(handler(request["event"], _context(request)))
    except Exception as error:
        answer = "error " + _failure(error, request["id"])
    milliseconds = (time.perf_counter() - started) * 1000
    unit = 1024 if sys.platform == "linux" else 1024**2
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
    print(
        f"END RequestId: {request['id']}\n"
        f"REPORT RequestId: {request['id']}\tDuration: {milliseconds:.2f} ms\t"
        f"Memory Size: {size} MB\tMax Memory Used: {memory} MB",
        flush=True,
    )
    return answer


def main() -> None:
    """Load the handler, say so, then answer one event after the other until stdin closes."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, waiting), daemon=True).start()

    def reply(line: str) -> None:
        answers.write(line.encode(errors="surrogatepass") + b"\n")
        answers.flush()

    runtime = os.environ["LAMBDA_RUNTIME_DIR"].split(os.pathsep)
    sys.path[:] = [os.environ["LAMBDA_TASK_ROOT"], *sys.path[1:], *runtime]
    logging.basicConfig(format="[%(levelname)s]\t%(asctime)s\t%(message)s", stream=sys.stdout)
    print(f"INIT_START Runtime Version: python:{sys.version.split()[0]}", flush=True)
    try:
        handler = _load(os.environ["_HANDLER"])
    except Exception as error:
        reply("error " + _failure(error, ""))
        return
    reply("ready")
    while True:
        reply(_answer(handler, json.loads(waiting.get())))


if __name__ == "__main__":
    main()
