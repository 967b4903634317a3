"""What sources send: who is let in, what is stored, and what is kept of what is no update."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

import contract
from tests.fault_proxy import Fault, FaultProxy
from tests.functional.conftest import Caller
from tests.senders import SECRET, Sender, sign

GENERIC = {"mapping": "generic"}


@pytest.fixture
def update(update: dict[str, Any]) -> dict[str, Any]:
    """One with a time, by which it is known again."""
    return update | {"timestamp": 1_700_000_000_000}


@pytest.fixture
def sender(environment: dict[str, str]) -> Sender:
    return Sender.of(environment, "demo", GENERIC)


def test_a_signed_update_is_in_the_history_however_often_it_comes(
    sender: Sender, caller: Caller, update: dict[str, Any]
) -> None:
    for _ in range(3):
        answer = sender.send(update)
        assert (answer.status, answer.body) == (202, {"stored": 1, "kept": 0})
    (stored,) = caller.history(update["tracking_id"])
    assert {name: stored[name] for name in update} == update | {
        "location": update["location"],
        "metadata": update["metadata"],
    }
    assert sender.kept() == []


def test_one_message_may_have_updates_of_many_shipments(
    sender: Sender, caller: Caller, update: dict[str, Any]
) -> None:
    ids = [f"{update['tracking_id']}-{number}" for number in range(3)]
    updates = [update | {"tracking_id": id, "timestamp": time} for id in ids for time in (2, 1, 3)]
    assert sender.send({"updates": updates}).body == {"stored": 9, "kept": 0}
    for id in ids:
        assert [stored["timestamp"] for stored in caller.history(id)] == [3, 2, 1]


def test_what_is_no_update_is_kept_once_and_the_rest_is_stored(
    sender: Sender, caller: Caller, update: dict[str, Any]
) -> None:
    without_time = {name: value for name, value in update.items() if name != "timestamp"}
    message = {"updates": [update, {"tracking_id": "A", "timestamp": 1}, 5, without_time]}
    for _ in range(2):
        assert sender.send(message).body == {"stored": 1, "kept": 3}
    assert len(caller.history(update["tracking_id"])) == 1
    (kept,) = sender.kept()
    assert kept.keys() == {"source", "received_at", "reasons", "media_type", "body"}
    assert json.loads(base64.b64decode(kept["body"])) == message
    assert kept["source"] == "demo"
    assert [reason.partition(":")[0] for reason in kept["reasons"]] == ["event 1", "event 2", "event 3"]
    assert kept["reasons"][2] == "event 3: it has no time"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 9999, b'{"updates": []}'])
def test_a_proven_message_that_cannot_be_read_is_kept(sender: Sender, body: bytes) -> None:
    answer = sender.send(body)
    assert (answer.status, answer.body["stored"]) == (202, 0)
    (kept,) = sender.kept()
    assert base64.b64decode(kept["body"]) == body


def test_who_does_not_prove_itself_is_not_let_in(sender: Sender, update: dict[str, Any]) -> None:
    body = json.dumps(update).encode()
    other = f"whsec_{base64.b64encode(b'another-key-of-24-bytes').decode()}"
    good = sign(body)
    for headers in (
        {},
        sign(body, secret=other),
        sign(body + b" "),
        sign(body, at=datetime.now(UTC) - timedelta(minutes=6)),
        sign(body, at=datetime.now(UTC) + timedelta(minutes=6)),
        good | {"webhook-id": "msg_other"},
        good | {"webhook-timestamp": str(int(good["webhook-timestamp"]) - 1)},
        good | {"webhook-timestamp": "soon"},
        good | {"webhook-signature": good["webhook-signature"].replace("v1,", "v2,")},
        good | {"webhook-signature": good["webhook-signature"].replace("v1,", "")},
        good | {"webhook-signature": ""},
    ):
        answer = sender.post(body, headers)
        assert (answer.status, answer.body["code"]) == (401, "unauthorized"), headers
    assert sender.post(body, good).status == 202


def test_one_of_several_signatures_is_enough_and_of_two_secrets_too(
    environment: dict[str, str], update: dict[str, Any]
) -> None:
    other = f"whsec_{base64.b64encode(b'another-key-of-24-bytes').decode()}"
    sender = Sender.of(environment, "demo", GENERIC, secret=f"{other}\n{SECRET}")
    body = json.dumps(update).encode()
    for secret in (SECRET, other):
        assert sender.post(body, sign(body, secret=secret)).status == 202
    headers = sign(body)
    headers["webhook-signature"] = f"v1,AAAA {headers['webhook-signature']}"
    assert sender.post(body, headers).status == 202


def test_an_unknown_source(sender: Sender) -> None:
    for name in ("other", "", "Demo", "demo/", "__class__"):
        assert sender.post(b"{}", sign(b"{}"), name).status == 404


def test_too_large_and_not_json(sender: Sender) -> None:
    assert sender.send(b" " * (2**20 + 1)).status == 413
    assert sender.send({}, content_type="text/xml").status == 415
    assert sender.send({}, content_type="application/cloudevents+json; charset=utf-8").status == 202


def test_without_a_secret_the_sender_shall_come_again(environment: dict[str, str]) -> None:
    sender = Sender.of(environment, "demo", GENERIC, secret=" ")
    answer = sender.send({})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "60")


def test_while_aws_fails_the_sender_shall_come_again_and_nothing_is_doubled(
    environment: dict[str, str],
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
    caller: Caller,
    update: dict[str, Any],
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.endpoint)
    sender = Sender.of(environment, "demo", GENERIC)
    updates = [update | {"timestamp": time} for time in range(3)]
    proxy.cut["PutItem"] = Fault.THROTTLED
    assert sender.send({"updates": updates}).status == 503
    proxy.cut.clear()
    assert sender.send({"updates": updates}).body == {"stored": 3, "kept": 0}
    assert len(caller.history(update["tracking_id"])) == 3


def test_nothing_of_a_message_or_a_secret_is_in_the_log(
    sender: Sender, update: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    sender.send(update | {"metadata": {"recipient": "PRIVATE"}})
    sender.send({"recipient": "PRIVATE"})
    sender.post(b"PRIVATE", {"webhook-signature": "PRIVATE"})
    logged = capsys.readouterr().out
    assert '"source":"demo"' in logged.replace(" ", "")
    for text in ("PRIVATE", SECRET, update["tracking_id"]):
        assert text not in logged


def test_the_secret_is_read_again_after_a_minute_and_what_was_read_is_good_meanwhile(
    environment: dict[str, str], update: dict[str, Any]
) -> None:
    sender = Sender.of(environment, "demo", GENERIC)
    assert sender.send(update).status == 202
    clock = [0.0]
    sender.api._secrets._clock = lambda: clock[0]
    sender.api._secrets._known.clear()
    assert sender.send(update).status == 202
    prefix = sender.api._secrets._prefix
    other = f"whsec_{base64.b64encode(b'another-key-of-24-bytes').decode()}"
    boto3.client("ssm").put_parameter(Name=f"{prefix}demo", Value=other, Type="SecureString", Overwrite=True)
    clock[0] = 59
    assert sender.send(update).status == 202
    clock[0] = 61
    assert sender.send(update).status == 401
    assert contract.INBOUND_SECRETS.partition("{")[0] in prefix
