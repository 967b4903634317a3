"""`make certify`: what a receiver of webhooks does right, and what each wrong one is told."""

import json
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import delivery.receiver
import tools.certify.receiver
from contract import EVENTS
from outbound.webhook import CLOUDEVENTS, MEDIA_TYPES
from tests.asyncapi import check
from tests.commands import output
from tests.junit import outcomes
from tests.serving import serving
from tests.shops import (
    Credulous,
    Eventful,
    Failing,
    Final,
    Loud,
    Newest,
    Once,
    OneSignature,
    Ordered,
    Recording,
    Redirecting,
    Reserialized,
    Shop,
    Slow,
    Strict,
    Timeless,
    Trusting,
)
from tools.certify.__main__ import main
from tools.certify.journeys import JOURNEYS
from tools.certify.report import NOT_CHECKED, RIGHT, WRONG
from tools.failures import one_sentence

KEPT = {f"{journey.name}: kept" for journey in JOURNEYS if journey.stateful}
NAMES = {journey.name for journey in JOURNEYS} | KEPT | {"speed"}

Certify = Callable[..., tuple[Any, str, dict[str, str]]]


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a receiver of the class that is the parameter, or of Shop."""
    handler = type("Handler", (getattr(request, "param", Shop),), {"known": {}, "seen": set()})
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as root:
        yield f"{root}/"


@pytest.fixture
def certify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Certify:
    """Runs the command; gives its exit status, what it printed, and the outcomes by the checks' names."""

    def certify(*arguments: str, secret: str = Shop.secret) -> tuple[Any, str, dict[str, str]]:
        junit = tmp_path / "new/certify.xml"
        monkeypatch.setenv("SECRET", secret)
        monkeypatch.setattr("sys.argv", ["certify", "--junit", str(junit), *arguments])
        with pytest.raises(SystemExit) as end, one_sentence():
            main()
        return end.value.code, capsys.readouterr().out, outcomes(junit)

    return certify


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_a_receiver_as_documented_does_all_right(certify: Certify, url: str, kind: str) -> None:
    status, said, found = certify("--webhook", url, "--state", f"{url}{{tracking_id}}", "--format", kind)
    assert status == 0, said
    assert found == dict.fromkeys(NAMES, RIGHT)
    lines = said.splitlines()
    assert [line[13:41].strip() for line in lines[:-1]] == list(found)
    assert lines[-1].startswith(f"{len(NAMES)} right, 0 WRONG, 0 not checked; see ")


def test_what_is_kept_is_not_checked_if_nobody_can_be_asked(certify: Certify, url: str) -> None:
    status, said, found = certify("--webhook", url)
    assert status == 0, said
    assert {name for name, outcome in found.items() if outcome == NOT_CHECKED} == KEPT
    assert set(found) == NAMES


@pytest.mark.parametrize("kind", MEDIA_TYPES)
@pytest.mark.parametrize("url", [Recording], indirect=True)
def test_what_is_sent_is_as_described_and_the_same_each_time(certify: Certify, url: str, kind: str) -> None:
    Recording.bodies.clear()
    certify("--webhook", url, "--format", kind)
    assert len(Recording.bodies) > len(JOURNEYS)
    for bodies in Recording.bodies.values():
        (body,) = map(json.loads, bodies)
        message = body.get("data", body)
        if message["event"] in EVENTS and "certify" not in message:
            check(kind, body)


FORGED = {"signed with another secret", "a forged signature", "no signature", "a changed body"}
REFUSED = {*FORGED, "a replay"}


@pytest.mark.parametrize(
    ("url", "wrong", "advice"),
    [
        (Trusting, {*REFUSED, "a changed body: kept"}, "answer 401"),
        (Timeless, {"a replay"}, "to message 2 of 2 it answered 204; refuse a webhook-timestamp"),
        (OneSignature, {"two secrets, its own second"}, "accept a message if one of its signatures is right"),
        (Once, {"doubled"}, "to message 3 of 4 it answered 409; answer 2xx to a webhook-id"),
        (Ordered, {"doubled", "out of order"}, "drop a message whose version is not greater"),
        (Strict, {"members that are new"}, "it answered 422; ignore members"),
        (Eventful, {"an event that is new"}, "it answered 400; answer 2xx to events"),
        (Newest, {"doubled: kept", "out of order: kept"}, "it keeps {"),
        (Credulous, {"a changed body: kept"}, "it keeps {"),
        (Failing, REFUSED, "to message 2 of 2 it answered 500; answer 401"),
        (Final, {"failed, then delivered: kept", "number used again: kept"}, "let no status be the last"),
    ],
    indirect=["url"],
)
def test_a_wrong_receiver_is_told_what_is_wrong_and_nothing_else(
    certify: Certify, url: str, wrong: set[str], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.certify.receiver, "SECONDS_BETWEEN", 0)
    status, said, found = certify("--webhook", url, "--state", f"{url}{{tracking_id}}")
    assert status == 1
    assert found == dict.fromkeys(NAMES, RIGHT) | dict.fromkeys(wrong, WRONG), said
    assert sum(line.startswith(WRONG) for line in said.splitlines()) == len(wrong)
    assert advice in said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (Redirecting, "to message 1 of 5 it answered 307, and redirects are not followed; answer 2xx"),
        (Reserialized, "it answered 401"),
        (Loud, "it answered 400 ([31m no"),
    ],
    indirect=["url"],
)
def test_who_takes_not_even_what_is_beyond_doubt_is_told_that_alone(
    certify: Certify, url: str, said: str
) -> None:
    status, printed, found = certify("--webhook", url)
    assert status == 1
    assert found == dict.fromkeys(NAMES, NOT_CHECKED) | {"delivered": WRONG, "speed": RIGHT}
    assert said in printed
    assert len(printed.splitlines()) == len(NAMES) + 1
    assert not set("\x00\x1b") & set(printed)


@pytest.mark.parametrize("url", [Slow], indirect=True)
def test_an_answer_that_comes_too_late_is_none(
    certify: Certify, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (delivery.receiver, tools.certify.receiver):
        monkeypatch.setattr(module, "LIMIT", 0.5)
    status, said, found = certify("--webhook", url)
    assert status == 1
    assert found == dict.fromkeys(NAMES, NOT_CHECKED) | {"delivered": WRONG, "speed": WRONG}
    assert "there was no answer (No whole answer within" in said


GOOD = ["--webhook", "http://127.0.0.1:9/hook"]


@pytest.mark.parametrize(
    ("arguments", "secret", "sentence"),
    [
        ([], Shop.secret, "Set WEBHOOK"),
        (["--webhook", "ftp://a"], Shop.secret, "WEBHOOK must be an https URL."),
        (["--webhook", "http://10.0.0.1/"], Shop.secret, "WEBHOOK must have public addresses alone."),
        (GOOD, "", "SECRET must be the receiver's secret"),
        (GOOD, "whsec_%", "SECRET must be the receiver's secret"),
        (GOOD, "whsec_", "SECRET must be the receiver's secret"),
        ([*GOOD, "--format", "xml"], Shop.secret, f"the formats are plain and {CLOUDEVENTS}."),
        (
            [*GOOD, "--state", "http://127.0.0.1:9/"],
            Shop.secret,
            "STATE must be a URL with {tracking_id} in it.",
        ),
        ([*GOOD, "--state", "file:///{tracking_id}"], Shop.secret, "STATE must be a URL"),
    ],
)
def test_wrong_arguments_end_in_one_sentence(
    certify: Certify, arguments: list[str], secret: str, sentence: str
) -> None:
    status, said, found = certify(*arguments, secret=secret)
    assert status.startswith("Error: ")
    assert sentence in status
    assert "\n" not in status
    assert (said, found) == ("", {})


def test_nobody_who_listens_is_no_error_of_the_command(certify: Certify) -> None:
    status, said, found = certify(*GOOD)
    assert status == 1
    assert "to message 1 of 5 there was no answer (The connection failed: ConnectionRefusedError)" in said
    assert found["delivered"] == WRONG


def test_make_hands_over_what_it_is_given(url: str, tmp_path: Path) -> None:
    junit = tmp_path / "a folder/certify.xml"
    options = {"WEBHOOK": f"{url}?a=1&b=2", "STATE": f"{url}{{tracking_id}}", "FORMAT": CLOUDEVENTS}
    given = [f"{name}={value}" for name, value in (options | {"JUNIT": str(junit)}).items()]
    output("make", "--old-file=install", "certify", f"SECRET={Shop.secret}", *given)
    assert outcomes(junit) == dict.fromkeys(NAMES, RIGHT)
