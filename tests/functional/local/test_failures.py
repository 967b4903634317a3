"""What an invocation that fails comes to."""

import os
import signal
import time

import pytest

from local import function
from local.function import Function, PayloadTooLargeError
from tests.functional.local.runner import Runner, gone


class TestFailures:
    def error(self, run: Function, event: object = None) -> tuple[str, str]:
        invocation = run.invoke(event)
        assert invocation.error == "Unhandled"
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
        assert invocation.error == "Unhandled"
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
        assert invocation.payload["errorType"] == "Sandbox.Timedout"

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
