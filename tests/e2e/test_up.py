"""`make up` when it is stopped half way."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from main import ROOT


def running(session: int) -> list[str]:
    """The command lines of the processes whose environment names this test's run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"UP_TEST={session}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or is another user's
            continue
    return found


def free_ports(count: int) -> list[int]:
    """Ports of this machine on which nothing listens."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes in Linux's /proc")
def test_ctrl_c_in_the_middle_leaves_no_process() -> None:
    mark = os.getpid()
    port, public_port = free_ports(2)
    with subprocess.Popen(
        [sys.executable, "-m", "local.up"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port), "PUBLIC_PORT": str(public_port), "UP_TEST": str(mark)},
        stdout=subprocess.PIPE,
        text=True,
    ) as up:
        deadline = time.monotonic() + 120
        while not any("terraform-provider-aws" in line for line in running(mark)):
            assert up.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.5)
        up.send_signal(signal.SIGINT)
        assert up.wait(timeout=15) == 0
    deadline = time.monotonic() + 10
    while left := running(mark):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)
