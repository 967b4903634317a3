"""`make certify SOURCE=`: what becomes of what a sender sends, and what it is told of it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from inbound.api import MAX_BODY, Source
from local.server import Server
from main import ROOT
from tests.commands import run
from tests.junit import outcomes
from tests.senders import SECRET, sign
from tools.certify.report import NOT_CHECKED, RIGHT, WRONG, Result
from tools.certify.sender import Capture

RETRIES, TIMES = "sent again after 503", "doubled and out of order"
COMMAND = [sys.executable, "-m", "tools.certify"]
UPDATE = {
    "tracking_id": "PKG-1",
    "status": "in_transit",
    "location": {"lat": 52.52, "lng": 13.405},
    "timestamp": 1_700_000_000_000,
}


class Sent:
    """A capture of a source with this mapping, and what it tells."""

    def __init__(self, mapping: str, secret: str = SECRET, count: int = 0) -> None:
        self.results: list[Result] = []
        self.capture = Capture(Source.of("one", {"mapping": mapping}), secret, count, self.results.append)
        self.url = ""

    def post(self, body: Any, headers: dict[str, str] | None = None) -> int:
        """The status of the answer to a message, signed as Standard Webhooks unless there are headers."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        proven = sign(raw) if headers is None else headers
        answer = requests.post(
            self.url, raw, headers={"Content-Type": "application/json", **proven}, timeout=10
        )
        assert answer.status_code != 503 or int(answer.headers["Retry-After"]) > 0
        return answer.status_code

    def outcomes(self) -> dict[str, str]:
        """The outcomes by the checks' names, of which each has one."""
        results = [*self.results, *self.capture.conclude()]
        outcomes = {result.name: result.outcome for result in results}
        assert len(outcomes) == len(results)
        return outcomes


@pytest.fixture
def sent(request: pytest.FixtureRequest) -> Iterator[Sent]:
    sent = Sent(*getattr(request, "param", ("generic",)))
    with Server(sent.capture) as server:
        sent.url = server.url
        yield sent


def test_a_sender_that_sends_again_what_is_not_taken_does_right(sent: Sent) -> None:
    early = UPDATE | {"timestamp": 1}
    again = {"updates": [UPDATE], "try": 2}
    messages = [UPDATE, again, early, {"updates": [UPDATE, early]}]
    assert [sent.post(message) for message in messages] == [503, 202, 202, 202]
    assert sent.outcomes() == {
        "message 1": RIGHT,
        "message 2": RIGHT,
        "message 3": RIGHT,
        RETRIES: RIGHT,
        TIMES: RIGHT,
    }
    assert sent.results[2].said == "202: PKG-1 in_transit; PKG-1 in_transit."
    assert "2 of 4 updates came after a newer one" in sent.capture.conclude()[1].said


def test_a_sender_that_does_not_is_told_so(sent: Sent) -> None:
    assert [sent.post(one) for one in (UPDATE, UPDATE | {"tracking_id": "PKG-2"})] == [503, 202]
    assert sent.outcomes() == {"message 1": RIGHT, RETRIES: WRONG, TIMES: RIGHT}


def test_what_is_no_update_is_told_with_its_place(sent: Sent) -> None:
    sent.post(UPDATE)
    assert sent.post({"updates": [UPDATE, UPDATE | {"status": "lost"}, 5]}) == 202
    assert sent.post(b"{") == 202
    assert [result.outcome for result in sent.results] == [WRONG, WRONG]
    said = sent.results[0].said
    assert said.startswith("202: PKG-1 in_transit; event 1: /status")
    assert "event 2: " in said
    sent.post({"updates": [UPDATE | {"\0\x1b\ud800": 1}]})
    assert sent.results[2].said.isprintable()
    sent.post({"updates": [5] * 9})
    assert sent.results[3].said.endswith("; and 6 more.")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "it lacks the header webhook-signature and webhook-timestamp."),
        (sign(b"another"), "SECRET, the clock, or what is made of them"),
        (
            sign(json.dumps(UPDATE).encode(), at=datetime.now(UTC) - timedelta(minutes=6)),
            "SECRET, the clock, or",
        ),
    ],
)
def test_who_does_not_prove_itself_is_refused_and_told_what_is_missing(
    sent: Sent, headers: dict[str, str], said: str
) -> None:
    assert sent.post(UPDATE, headers) == 401
    assert said in sent.results[0].said
    assert sent.outcomes() == {"message 1": WRONG, RETRIES: NOT_CHECKED, TIMES: NOT_CHECKED}


def test_what_is_refused_for_what_it_is(sent: Sent) -> None:
    body = json.dumps(UPDATE).encode()
    assert sent.post(body, sign(body) | {"Content-Type": "text/xml"}) == 415
    assert sent.post(b"1" * (MAX_BODY + 1)) == 413
    assert requests.get(sent.url, timeout=10).status_code == 405
    assert [result.outcome for result in sent.results] == [WRONG] * 3


@pytest.mark.parametrize("sent", [("ups", "token")], indirect=True)
def test_a_vendors_message_proves_itself_and_is_mapped_as_its_vendor_has_it(sent: Sent) -> None:
    folder, headers = ROOT / "tests/vendors", {"Authorization": "Bearer token"}
    for name in ("ups", "ups", "ups-unknown"):
        sent.post(json.loads((folder / f"{name}.json").read_bytes())["message"], headers)
    assert sent.outcomes() == {"message 1": RIGHT, "message 2": WRONG, RETRIES: RIGHT, TIMES: RIGHT}
    assert sent.post({}, {}) == 401
    assert "it lacks the header authorization." in sent.results[-1].said


Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the command for the source of dev; gives the process and the URL that it tells."""
    with ExitStack() as started:

        def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
            options = ["--source", "demo", "--port", "0", "--junit", str(tmp_path / "junit.xml"), *arguments]
            process = started.enter_context(
                subprocess.Popen(
                    [*COMMAND, *options],
                    cwd=ROOT,
                    env={**os.environ, "SECRET": SECRET},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            started.callback(process.kill)
            assert process.stdout
            line = process.stdout.readline()
            found = re.search(r"http://127.0.0.1:\d+", line)
            assert found, line
            return process, found[0]

        yield start


def send(url: str) -> int:
    """The status of the answer to a message."""
    body = json.dumps(UPDATE).encode()
    headers = {"Content-Type": "application/json", **sign(body)}
    return requests.post(url, body, headers=headers, timeout=10).status_code


def test_the_command_ends_after_so_many_messages(start: Start, tmp_path: Path) -> None:
    process, url = start("--count", "2")
    assert [send(url) for _ in range(3)] == [503, 202, 202]
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert outcomes(tmp_path / "junit.xml") == dict.fromkeys(
        ["message 1", "message 2", RETRIES, TIMES], RIGHT
    )
    assert [line[:5] for line in said.splitlines()] == [RIGHT] * 4 + ["4 rig"]


def test_the_command_ends_with_ctrl_c(start: Start, tmp_path: Path) -> None:
    process, url = start()
    assert send(url) == 503
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    assert process.returncode == 1, said
    assert outcomes(tmp_path / "junit.xml") == {RETRIES: WRONG, TIMES: NOT_CHECKED}


def test_a_port_that_is_taken_ends_in_one_sentence(start: Start) -> None:
    _, url = start()
    done = run(
        *COMMAND,
        "--source",
        "demo",
        "--port",
        url.rpartition(":")[2],
        environ={**os.environ, "SECRET": SECRET},
    )
    assert re.fullmatch(r"Error: Port \d+ cannot be used: .+\n", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        ([], {}, "Set WEBHOOK"),
        (["--source", "demo", "--webhook", "http://127.0.0.1/"], {}, "Set WEBHOOK"),
        (["--source", "nobody"], {}, "SOURCE is 'nobody'; the sources are demo."),
        (["--source", "demo"], {"SECRET": ""}, "SECRET must be the secret that the sender has."),
        (["--source", "demo"], {"ENVIRONMENT_SUFFIX": "nowhere"}, "nowhere"),
        (["--source", "demo", "--port", "70000"], {}, "PORT is '70000'; it may be a number from 0 to 65535."),
        (["--source", "demo", "--count", "-1"], {}, "COUNT is '-1'"),
    ],
)
def test_wrong_arguments_end_in_one_sentence(
    arguments: list[str], variables: dict[str, str], sentence: str
) -> None:
    done = run(*COMMAND, *arguments, environ={**os.environ, "SECRET": SECRET, **variables})
    assert done.returncode == 1
    assert re.fullmatch(r"Error: .+\n", done.stderr)
    assert sentence in done.stderr
