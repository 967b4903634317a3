"""The processes of a function, and its log."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.function import Function, ThrottledError
from tests.functional.local.runner import REGION, Runner, gone


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
        def invoke(event: object) -> Any:
            try:
                return run.invoke(event).payload
            except ThrottledError as error:
                return error

        with ThreadPoolExecutor(len(events)) as pool:
            return list(pool.map(invoke, events))

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
