"""`make up`: what it prints, what it does with edits, and how it ends."""

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from local.up import PORTS
from main import ROOT
from tests.commands import output
from tests.copies import copy_project
from tests.e2e.conftest import signed

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes in Linux's /proc")


def free_ports(count: int) -> list[int]:
    """Ports of this machine on which nothing listens."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


class Up:
    """A `make up` in a folder; `lines` are what it has printed."""

    def __init__(self, folder: Path = ROOT, **variables: str) -> None:
        self.port, self.public_port, partners_port = free_ports(3)
        ports = dict(zip(PORTS, map(str, (self.port, self.public_port, partners_port)), strict=True))
        self._mark = f"UP_TEST={os.getpid()}-{time.monotonic_ns()}"
        name, _, value = self._mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local.up"],
            cwd=folder,
            env={**os.environ, **ports, **variables, name: value},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdout, self._stderr = self.process.stdout, self.process.stderr
        self._reader: threading.Thread | None = None
        self.lines: list[str] = []

    def running(self) -> list[str]:
        """The command lines of its processes."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:  # it has ended, or is another user's
                continue
        return found

    def follow(self) -> None:
        """Reads what it prints from now on."""
        self._unread: queue.SimpleQueue[str] = queue.SimpleQueue()

        def read() -> None:
            for line in self.stdout:
                self._unread.put(line.rstrip("\n"))

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str, seconds: float) -> re.Match[str]:
        """The first match in a line that it prints from now on."""
        deadline = time.monotonic() + seconds
        while True:
            line = self._unread.get(timeout=max(0, deadline - time.monotonic()))
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found

    def end(self) -> str:
        """What it says on stderr when it is interrupted."""
        self.process.send_signal(signal.SIGINT)
        return self.ended(15)

    def ended(self, seconds: float) -> str:
        """What it said on stderr; it must end in time and well, and leave no process."""
        assert self.process.wait(timeout=seconds) == 0
        deadline = time.monotonic() + 10
        while left := self.running():
            assert time.monotonic() < deadline, left
            time.sleep(0.2)
        if self._reader:
            self._reader.join()
        self.stdout.close()
        with self._stderr:
            return self._stderr.read().strip()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that may be edited."""
    return copy_project(tmp_path_factory.mktemp("project") / "copy", ".venv", "node_modules", "build")


@pytest.fixture(scope="module")
def up(project: Path) -> Iterator[Up]:
    up = Up(project, APPLY="1")
    up.follow()
    up.wait_for("Ctrl-C stops everything", 240)
    yield up
    assert up.end() == "Stopped."


def page(up: Up) -> str:
    url = f"http://127.0.0.1:{up.public_port}/shipments/DEMO-1"
    return requests.get(url, headers={"Accept": "text/html"}, timeout=9).text


def test_the_welcome_fits_a_terminal_and_the_rest_is_a_line_each(up: Up, project: Path) -> None:
    start = next(number for number, line in enumerate(up.lines) if line.startswith("The tracking API runs"))
    welcome = up.lines[start:]
    assert len(welcome) < 24
    assert max(map(len, welcome)) <= 80
    assert re.fullmatch(r"POST /dev/track 200 \d+ ms cold", up.lines[start - 6])
    assert all(re.fullmatch(r"POST /dev/track 200 \d+ ms", line) for line in up.lines[start - 5 : start - 1])
    up.wait_for(r"Notification: DEMO-1 (new|pending) -> in_transit", 15)
    log = (project / ".local/tracking-processor-dev.log").read_text()
    assert log.startswith("INIT_START")
    assert log.count("REPORT RequestId: ") >= 5


def test_nothing_waits_for_what_terraform_would_wait_for(up: Up, project: Path) -> None:
    log = (project / ".local/deploy.log").read_text()
    assert "Import complete" in log
    assert not re.findall(r"aws_(?:sqs|s3)_\S+: Still .*", log)


def test_the_commands_of_the_welcome_work(up: Up, project: Path) -> None:
    *commands, hook = (line for line in up.lines if line.startswith("  .local/curl"))
    assert len(commands) == 2
    for line in commands:
        assert "PKG-1" in output("sh", "-c", f". .local/env; {line}", folder=project)
    (line,) = (line for line in up.lines if line.startswith("  .local/send"))
    assert output("sh", "-c", f". .local/env; {line}", folder=project).startswith("202 ")
    assert "whsec_" in output("sh", "-c", f". .local/env; {hook}", folder=project)


def test_a_saved_function_is_served(up: Up, project: Path) -> None:
    page(up)
    style = project / "lambda/public/page.css"
    style.write_text(f"{style.read_text()}\n.edited {{ color: red }}\n")
    up.wait_for("Replaced the code of tracking-public-dev", 20)
    assert ".edited" in page(up)


def test_a_syntax_error_is_a_line_and_what_was_there_goes_on(up: Up, project: Path) -> None:
    source = project / "lambda/public/page.py"
    text = source.read_text()
    source.write_text(f"{text}def broken(:\n")
    number = text.count("\n") + 1
    up.wait_for(rf"^lambda/public/page\.py:{number}: invalid syntax; the code before it goes on serving", 10)
    assert "DEMO-1" in page(up)
    source.write_text(text)
    up.wait_for("Replaced the code of tracking-public-dev", 20)


def test_a_saved_stack_is_deployed_and_what_is_stored_stays(up: Up, project: Path) -> None:
    responses = project / "stacks/gateway_responses.py"
    text = responses.read_text().replace('"forbidden"', '"not_allowed"')
    assert text != responses.read_text()
    responses.write_text(text)
    up.wait_for("Deployed in", 180)
    assert requests.get(f"http://127.0.0.1:{up.port}/dev/status", timeout=9).json()["code"] == "not_allowed"
    history = signed("GET", f"http://127.0.0.1:{up.port}/dev/status?tracking_id=DEMO-1").json()
    assert history["count"] >= 5


def test_ctrl_c_in_the_middle_leaves_no_process() -> None:
    up = Up()
    deadline = time.monotonic() + 120
    while not any("terraform-provider-aws" in line for line in up.running()):
        assert up.process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert up.end() == "Stopped."


def test_ctrl_c_at_the_start_is_no_traceback() -> None:
    for seconds in (0, 0.3, 1):
        up = Up()
        status = Path(f"/proc/{up.process.pid}/status")
        # Until its program has begun, it is Python that is interrupted.
        while not int(re.findall(r"SigCgt:\s+(\w+)", status.read_text())[0], 16) & 1 << (signal.SIGTERM - 1):
            time.sleep(0.01)
        time.sleep(seconds)
        assert up.end() == "Stopped."


def test_a_reader_that_goes_away_ends_it_without_a_traceback() -> None:
    up = Up()
    assert up.stdout.readline() == "Starting the embedded AWS\n"
    up.stdout.close()
    assert up.ended(120) == "Stopped."
