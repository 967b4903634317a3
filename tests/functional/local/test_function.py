"""The local Lambda runner, with functions deployed into the embedded AWS."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import function
from local.aws import CREDENTIALS, EmbeddedAws
from local.function import Function, PayloadTooLargeError, StaleCodeError, ThrottledError

REGION = "eu-west-1"
#: A runtime that this interpreter is not of.
OTHER = "python3.12" if sys.version_info[:2] == (3, 13) else "python3.13"


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, textwrap.dedent(text))
    return path


class Runner:
    """Deploys functions and runs them; each gets a name of its own."""

    def __init__(self, endpoint: str, folder: Path, stack: ExitStack) -> None:
        self.endpoint = endpoint
        self.folder = folder
        self.stack = stack
        self.log: list[str] = []
        keys = {key.lower(): value for key, value in CREDENTIALS.items()}
        self.client = boto3.client("lambda", endpoint_url=endpoint, region_name=REGION, **keys)

    def deploy(self, files: dict[str, str] | str, **configuration: Any) -> tuple[str, Path]:
        name = f"function-{len(self.client.list_functions(MaxItems=1000)['Functions'])}"
        package = zipped(self.folder / f"{name}.zip", {"main.py": files} if isinstance(files, str) else files)
        self.client.create_function(
            FunctionName=name,
            Role="arn:aws:iam::123456789012:role/role",
            Code={"ZipFile": package.read_bytes()},
            **{
                "Runtime": "python3.13",
                "Handler": "main.handler",
                "Timeout": 5,
                "MemorySize": 512,
                **configuration,
            },
        )
        return name, package

    def run(self, name: str, package: Path, **options: Any) -> Function:
        return self.stack.enter_context(
            Function(
                name,
                endpoint=self.endpoint,
                region=REGION,
                package=package,
                log=self.log.append,
                **options,
            )
        )

    def __call__(self, files: dict[str, str] | str, **configuration: Any) -> Function:
        name, package = self.deploy(files, **configuration)
        return self.run(name, package)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with EmbeddedAws() as aws:
        keys = {key.lower(): value for key, value in CREDENTIALS.items()}
        iam = boto3.client("iam", endpoint_url=aws.endpoint, region_name=REGION, **keys)
        iam.create_role(RoleName="role", AssumeRolePolicyDocument="{}")
        yield aws.endpoint


@pytest.fixture
def runner(endpoint: str, tmp_path: Path) -> Iterator[Runner]:
    with ExitStack() as stack:
        yield Runner(endpoint, tmp_path, stack)


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").exists() and " Z " in Path(f"/proc/{pid}/stat").read_text():
            return True  # only its parent has not noticed yet
        time.sleep(0.02)
    return False


class TestEnvironment:
    def test_variables(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FROM_THE_PARENT", "1")
        run = runner(
            "import os\ndef handler(event, context): return dict(os.environ)",
            Environment={"Variables": {"TABLE_NAME": "table", "TZ": "Europe/Berlin"}},
        )
        seen = run.invoke({}).payload
        folder = Path(seen["LAMBDA_TASK_ROOT"]).parent
        assert seen.pop("AWS_LAMBDA_LOG_STREAM_NAME").count("/") == 3
        assert seen.pop("_X_AMZN_TRACE_ID").endswith(";Sampled=0")
        seen.pop("LC_CTYPE", None)  # Python's own doing where LANG is not installed
        assert seen == {
            **CREDENTIALS,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": runner.endpoint,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_NAME": run.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{run.name}",
            "AWS_REGION": REGION,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "LAMBDA_RUNTIME_DIR": str(folder / "runtime"),
            "LAMBDA_TASK_ROOT": str(folder / "task"),
            "LANG": "en_US.UTF-8",
            "PATH": os.defpath,
            "TABLE_NAME": "table",
            "TZ": "Europe/Berlin",
            "_HANDLER": "main.handler",
        }

    def test_context(self, runner: Runner) -> None:
        run = runner(
            """
            import time
            def handler(event, context):
                before = context.get_remaining_time_in_millis()
                time.sleep(0.2)
                fields = {name: value for name, value in vars(context).items() if not callable(value)}
                return {**fields, "before": before, "after": context.get_remaining_time_in_millis()}
            """
        )
        invocation = run.invoke({})
        seen = invocation.payload
        assert 4000 < seen.pop("before") <= 5000
        assert 3500 < seen.pop("after") <= 4800
        assert seen.pop("log_stream_name")
        assert seen == {
            "aws_request_id": invocation.request_id,
            "client_context": None,
            "function_name": run.name,
            "function_version": "$LATEST",
            "identity": None,
            "invoked_function_arn": run.arn,
            "log_group_name": f"/aws/lambda/{run.name}",
            "memory_limit_in_mb": "512",
        }

    def test_sdk_reaches_the_embedded_aws(self, runner: Runner) -> None:
        run = runner(
            """
            import boto3
            def handler(event, context):
                found = boto3.client("lambda").get_function(FunctionName=context.function_name)
                return found["Configuration"]["FunctionName"]
            """
        )
        assert run.invoke({}).payload == run.name

    def test_nothing_but_the_package_and_the_sdk_can_be_imported(self, runner: Runner) -> None:
        run = runner("def handler(event, context): __import__(event)", Handler="main.handler")
        assert run.invoke("botocore").error is None
        assert run.invoke("moto").payload["errorType"] == "ModuleNotFoundError"
        assert run.invoke("local").payload["errorType"] == "ModuleNotFoundError"

    def test_package_comes_before_the_sdk(self, runner: Runner) -> None:
        run = runner({"main.py": "import six\ndef handler(event, context): return six.A", "six.py": "A = 1"})
        assert run.invoke({}).payload == 1

    def test_trace_id_is_passed_on(self, runner: Runner) -> None:
        run = runner("import os\ndef handler(event, context): return os.environ['_X_AMZN_TRACE_ID']")
        assert run.invoke({}, trace="1-a-b").payload.startswith("Root=1-a-b;Parent=")
        assert run.invoke({}, trace="1-c-d").payload.startswith("Root=1-c-d;Parent=")


class TestPackage:
    def test_other_code_than_deployed_is_refused(self, runner: Runner) -> None:
        name, _ = runner.deploy("def handler(event, context): return 1")
        other = zipped(runner.folder / "other.zip", {"main.py": "def handler(event, context): return 2"})
        with pytest.raises(StaleCodeError, match=f"The code deployed as {name} is not that of .*other.zip"):
            runner.run(name, other)

    def test_interpreter_of_the_runtime_if_the_machine_has_it(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        python = tmp_path / OTHER
        python.symlink_to(sys.executable)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        run = runner("import sys\ndef handler(event, context): return sys.executable", Runtime=OTHER)
        assert run.invoke({}).payload == str(python)

    def test_this_interpreter_if_the_one_on_the_path_does_not_run(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        python = tmp_path / OTHER
        python.write_text("#!/bin/sh\nexit 127\n")
        python.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        run = runner("import sys\ndef handler(event, context): return sys.executable", Runtime=OTHER)
        assert run.invoke({}).payload == sys.executable

    def test_unpacked_code_is_removed(self, runner: Runner) -> None:
        run = runner("def handler(event, context): return __file__")
        file = Path(run.invoke({}).payload)
        assert file.exists()
        run.close()
        assert not file.exists()


class TestProcesses:
    COUNT = """
        import os, time
        count = 0
        def handler(event, context):
            global count
            count += 1
            time.sleep(event)
            return [os.getpid(), count]
    """

    def at_once(self, run: Function, events: list[object]) -> list[Any]:
        answers: list[Any] = [None] * len(events)

        def invoke(index: int) -> None:
            try:
                answers[index] = run.invoke(events[index]).payload
            except ThrottledError as error:
                answers[index] = error

        threads = [threading.Thread(target=invoke, args=(index,)) for index in range(len(events))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def test_imports_stay_warm(self, runner: Runner) -> None:
        run = runner(self.COUNT)
        (first, one), (second, two) = run.invoke(0).payload, run.invoke(0).payload
        assert (first, one, two) == (second, 1, 2)

    def test_a_process_for_each_event_at_once(self, runner: Runner) -> None:
        run = runner(self.COUNT)
        answers = self.at_once(run, [0.5] * 3)
        assert len({pid for pid, _ in answers}) == 3

    def test_no_more_processes_than_allowed(self, runner: Runner) -> None:
        name, package = runner.deploy(self.COUNT)
        run = runner.run(name, package, concurrency=2)
        answers = self.at_once(run, [0.1] * 5)
        assert len({pid for pid, _ in answers}) == 2
        assert len(answers) == 5

    def test_reserved_concurrency_throttles(self, runner: Runner) -> None:
        name, package = runner.deploy(self.COUNT)
        runner.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)
        run = runner.run(name, package)
        answers = self.at_once(run, [0.5] * 3)
        assert sum(isinstance(answer, ThrottledError) for answer in answers) == 1
        assert run.invoke(0).error is None

    def test_ends_with_the_runner_even_if_busy(self, runner: Runner) -> None:
        run = runner(self.COUNT)
        pid, _ = run.invoke(0).payload
        busy = threading.Thread(target=run.invoke, args=(60,))
        busy.start()
        time.sleep(0.1)
        run.close()
        busy.join(5)
        assert not busy.is_alive()
        assert gone(pid)

    def test_signals_of_the_terminal_do_not_reach_it(self, runner: Runner) -> None:
        run = runner("import os\ndef handler(event, context): return [os.getsid(0), os.getpid()]")
        session, pid = run.invoke({}).payload
        assert session == pid != os.getsid(0)

    @pytest.mark.parametrize("busy", ["0", "60"])
    def test_does_not_outlive_the_parent(self, runner: Runner, busy: str) -> None:
        name, package = runner.deploy(
            """
            import os, time
            def handler(event, context):
                print(os.getpid())
                time.sleep(event)
            """
        )
        program = f"""
            import time
            from pathlib import Path
            from local.function import Function
            run = Function({name!r}, endpoint={runner.endpoint!r}, region={REGION!r},
                           package=Path({str(package)!r}), log=lambda line: print(line, flush=True))
            run.invoke({busy})
            time.sleep(60)
        """
        parent = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(runner.folder)},  # what it unpacks stays behind
        )
        assert parent.stdout is not None
        pid = next(int(line) for line in parent.stdout if line.strip().isdigit())
        parent.kill()
        parent.communicate()
        assert gone(pid)


class TestFailures:
    def error(self, run: Function, event: object = None) -> tuple[str, str]:
        invocation = run.invoke(event)
        assert invocation.error == "Unhandled"
        assert not invocation.timed_out
        return invocation.payload["errorType"], invocation.payload["errorMessage"]

    def test_exception(self, runner: Runner) -> None:
        run = runner(
            """
            def handler(event, context):
                raise LookupError("lost")
            """
        )
        invocation = run.invoke({})
        assert invocation.error == "Unhandled"
        (frame,) = invocation.payload.pop("stackTrace")
        assert 'main.py", line 3, in handler\n    raise LookupError("lost")\n' in frame
        assert invocation.payload == {
            "errorMessage": "lost",
            "errorType": "LookupError",
            "requestId": invocation.request_id,
        }
        assert "[ERROR] LookupError: lost" in runner.log
        assert any('raise LookupError("lost")' in line for line in runner.log)

    def test_exception_leaves_the_process_warm(self, runner: Runner) -> None:
        run = runner("import os\ndef handler(event, context): return os.getpid() if event else 1 / 0")
        pid = run.invoke(1).payload
        assert self.error(run, 0) == ("ZeroDivisionError", "division by zero")
        assert run.invoke(1).payload == pid

    def test_timeout(self, runner: Runner) -> None:
        run = runner(
            """
            import os, subprocess, time
            def handler(event, context):
                if event:
                    return os.getpid()
                child = subprocess.Popen(["sleep", "60"])
                print("pid", os.getpid(), child.pid)
                time.sleep(60)
            """,
            Timeout=1,
        )
        started = time.monotonic()
        invocation = run.invoke(None)
        assert 1 <= time.monotonic() - started < 3
        assert (invocation.error, invocation.timed_out) == ("Unhandled", True)
        assert invocation.payload == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {invocation.request_id} Error: Task timed out after 1.00 seconds",
        }
        pids = [int(word) for line in runner.log if line.startswith("pid ") for word in line.split()[1:]]
        assert len(pids) == 2
        assert all(gone(pid) for pid in pids)
        assert invocation.payload["errorMessage"] in runner.log
        assert run.invoke(1).payload not in pids

    @pytest.mark.parametrize(
        ("end", "reason"),
        [
            ("os._exit(3)", "exit status 3"),
            ("raise SystemExit(4)", "exit status 4"),
            ("os.kill(os.getpid(), 9)", "signal: SIGKILL"),
        ],
    )
    def test_crash(self, runner: Runner, end: str, reason: str) -> None:
        run = runner(
            f"""
            import os
            def handler(event, context):
                if not event:
                    {end}
                return os.getpid()
            """
        )
        before = run.invoke(1).payload
        kind, message = self.error(run)
        assert kind == "Runtime.ExitError"
        assert message.endswith(f"Error: Runtime exited with error: {reason}")
        assert run.invoke(1).payload != before

    def test_process_that_died_while_idle(self, runner: Runner) -> None:
        run = runner("import os\ndef handler(event, context): return os.getpid()")
        pid = run.invoke({}).payload
        os.kill(pid, signal.SIGKILL)
        assert gone(pid)
        assert self.error(run, {})[0] == "Runtime.ExitError"
        assert run.invoke({}).error is None

    @pytest.mark.parametrize(
        ("files", "handler", "kind", "message"),
        [
            ("import nothing", "main.handler", "Runtime.ImportModuleError", "No module named 'nothing'"),
            ("x = 1", "other.handler", "Runtime.ImportModuleError", "Unable to import module 'other'"),
            (
                "x = 1",
                "main.missing",
                "Runtime.HandlerNotFound",
                "Handler 'missing' missing on module 'main'",
            ),
            ("x = (", "main.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'main'"),
            ("x = 1", "main", "Runtime.MalformedHandlerName", "Bad handler 'main'"),
            ("1 / 0", "main.handler", "ZeroDivisionError", "division by zero"),
        ],
    )
    def test_handler_that_cannot_be_loaded(
        self, runner: Runner, files: str, handler: str, kind: str, message: str
    ) -> None:
        run = runner(files, Handler=handler)
        for _ in range(2):
            seen = self.error(run)
            assert seen[0] == kind
            assert message in seen[1]

    def test_import_that_takes_too_long(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(function, "INIT_LIMIT", 0.3)
        run = runner("import time\ntime.sleep(60)", Timeout=1)
        invocation = run.invoke({})
        assert invocation.timed_out

    @pytest.mark.parametrize("value", ["{1}", "object()", "b'x'"])
    def test_answer_that_json_cannot_say(self, runner: Runner, value: str) -> None:
        run = runner(f"def handler(event, context): return {value}")
        kind, message = self.error(run)
        assert kind == "Runtime.MarshalError"
        assert message.startswith("Unable to marshal response: ")

    def test_decimal_becomes_a_number_as_in_lambda(self, runner: Runner) -> None:
        run = runner("import decimal\ndef handler(event, context): return decimal.Decimal('1.5')")
        assert run.invoke({}).payload == 1.5

    def test_event_too_large(self, runner: Runner) -> None:
        run = runner("def handler(event, context): return len(event)")
        assert run.invoke("x" * (6 * 1024 * 1024)).payload == 6 * 1024 * 1024
        with pytest.raises(PayloadTooLargeError):
            run.invoke("x" * (6 * 1024 * 1024 + 100))

    def test_answer_too_large(self, runner: Runner) -> None:
        run = runner("def handler(event, context): return 'x' * event")
        assert len(run.invoke(6 * 1024 * 1024).payload) == 6 * 1024 * 1024
        kind, message = self.error(run, 6 * 1024 * 1024 + 100)
        assert kind == "Function.ResponseSizeTooLarge"
        assert "(6291556 bytes)" in message


class TestLog:
    def test_every_line_is_there_when_the_invocation_ends(self, runner: Runner) -> None:
        run = runner(
            """
            import logging, os, sys
            def handler(event, context):
                print("to stdout \\u00e9")
                print("to stderr", file=sys.stderr)
                logging.warning("to logging")
                os.system("echo from a child")
                for number in range(1000):
                    print("line", number)
            """
        )
        run.invoke({})
        assert runner.log[0].startswith("INIT_START Runtime Version: python:3.")
        for _ in range(20):
            runner.log.clear()
            identity = run.invoke({}).request_id
            assert runner.log[0] == f"START RequestId: {identity} Version: $LATEST"
            assert runner.log[1:3] == ["to stdout \u00e9", "to stderr"]
            assert runner.log[3].startswith("[WARNING]\t")
            assert runner.log[3].endswith("\tto logging")
            assert runner.log[4] == "from a child"
            assert runner.log[5:1005] == [f"line {number}" for number in range(1000)]
            assert runner.log[1005] == f"END RequestId: {identity}"
            assert runner.log[1006].startswith(f"REPORT RequestId: {identity}\tDuration: ")
            assert len(runner.log) == 1007

    def test_what_the_function_does_to_its_streams_does_not_disturb_the_answer(self, runner: Runner) -> None:
        run = runner(
            """
            import os, sys
            def handler(event, context):
                os.write(1, b"result 5\\n")
                print("result 6")
                return [sys.stdin.read(), event]
            """
        )
        assert run.invoke({"a": "\ud800\n\u2028"}).payload == ["", {"a": "\ud800\n\u2028"}]
        assert "result 5" in runner.log
