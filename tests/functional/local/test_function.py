"""How a deployed function runs here: its environment, its package, and new code for it."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.aws import CREDENTIALS
from local.function import Function, HandlerError, StaleCodeError
from tests.functional.local.runner import REGION, Runner, zipped

#: A runtime that this interpreter is not of.
OTHER = "python3.12" if sys.version_info[:2] == (3, 13) else "python3.13"


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
            "LAMBDA_TASK_ROOT": seen["LAMBDA_TASK_ROOT"],
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


class TestReload:
    def reload(self, run: Function, **files: str) -> None:
        sources = {f"app/{name}.py": text.encode() for name, text in {"__init__": "", **files}.items()}
        run.reload(sources)

    def deploy(self, runner: Runner) -> Function:
        files = {
            "app/__init__.py": "",
            "app/main.py": "import dependency, app.part\ndef handler(event, context): return app.part.ANSWER",
            "app/part.py": "ANSWER = 1",
            "dependency.py": "",
        }
        return runner(files, Handler="app.main.handler")

    def test_new_sources_answer_with_the_dependencies_of_the_package(self, runner: Runner) -> None:
        run = self.deploy(runner)
        assert run.invoke({}).payload == 1
        self.reload(run, main="import dependency\ndef handler(event, context): return 2")
        after = run.invoke({})
        assert (after.payload, after.cold) == (2, False)
        self.reload(run, main="import dependency\ndef handler(event, context): return __import__('app.part')")
        assert run.invoke({}).payload["errorType"] == "ModuleNotFoundError"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("def handler(:", r"Syntax error in module 'app.main': invalid syntax \(main.py, line 1\)"),
            ("import nothing", "No module named 'nothing'"),
            ("1 / 0", "division by zero"),
            ("raise SystemExit(3)", "exit status 3"),
        ],
    )
    def test_sources_that_cannot_be_loaded_change_nothing(
        self, runner: Runner, text: str, message: str
    ) -> None:
        run = self.deploy(runner)
        with pytest.raises(HandlerError, match=message):
            self.reload(run, main=text)
        assert run.invoke({}).payload == 1

    def test_an_event_that_is_being_answered_is_answered_by_the_code_that_took_it(
        self, runner: Runner
    ) -> None:
        run = runner(
            {"app/main.py": "import time\ndef handler(event, context): time.sleep(event); return 1"},
            Handler="app.main.handler",
        )
        with ThreadPoolExecutor() as pool:
            busy = pool.submit(run.invoke, 2)
            time.sleep(0.5)
            self.reload(run, main="def handler(event, context): return 2")
            assert not busy.done()
            assert run.invoke(0).payload == 2
            assert busy.result().payload == 1
        assert [run.invoke(0).payload for _ in range(2)] == [2, 2]

    def test_what_is_deployed_next_is_loaded_with_its_configuration(self, runner: Runner) -> None:
        run = self.deploy(runner)
        package = zipped(
            runner.folder / "next.zip",
            {"app/main.py": "def handler(e, c): return __import__('os').environ['A']"},
        )
        with pytest.raises(StaleCodeError):
            run.load(package)
        runner.client.update_function_code(FunctionName=run.name, ZipFile=package.read_bytes())
        runner.client.update_function_configuration(
            FunctionName=run.name, Environment={"Variables": {"A": "new"}}
        )
        run.load(package)
        assert run.invoke({}).payload == "new"
