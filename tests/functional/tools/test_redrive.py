"""`make redrive`, over dead letters of the deployed notifier and over some that nobody can handle."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest

import contract
from inbound.quarantine import Quarantine
from local.function import Function
from local.invoke import InvokeApi
from tests.stream_functions import StreamFunctions, eventually
from tools import redrive

pytestmark = pytest.mark.slow

NOWHERE = {"AWS_ENDPOINT_URL_SNS": "http://127.0.0.1:9"}


@pytest.fixture
def run(
    functions: StreamFunctions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[Any, str]]:
    """Runs the command for the pipeline's queue; gives its exit status and what it printed."""

    def run(*arguments: str) -> tuple[Any, str]:
        monkeypatch.setenv("ENVIRONMENT_SUFFIX", functions.pipeline.environment_suffix)
        monkeypatch.setattr("sys.argv", ["redrive", *arguments])
        capsys.readouterr()
        try:
            redrive.main()
        except SystemExit as end:
            return end.code, capsys.readouterr().out
        return 0, capsys.readouterr().out

    return run


def test_what_sns_did_not_take_is_sent_again_once_it_is_back(
    functions: StreamFunctions,
    environment: dict[str, str],
    run: Callable[..., tuple[Any, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    function = functions.deploy_notifier(environment | NOWHERE, MaximumRetryAttempts=0)
    functions.pipeline.put("PKG-1", "pending")
    functions.pipeline.put("PKG-2", "pending")
    poller = functions.poll(function)
    eventually(lambda: len(functions.pipeline.dead_letters()) == 2)
    poller.close()
    assert functions.pipeline.changes() == []
    eventually(lambda: functions.pipeline.announcements() >= 2)

    status, said = run("--dry-run")
    assert status == 0
    assert f"1 of 2: would send 1 record (RetryAttemptsExhausted) of PKG-1 to {function.name}." in said
    assert len(functions.pipeline.dead_letters()) == 2 <= functions.pipeline.announcements()

    with InvokeApi({function.name: function}) as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
        status, said = run()
        assert status == "Left: 2 dead letters."
        assert f"2 of 2: {function.name} failed again on 1 of 1 record" in said
        assert len(functions.pipeline.dead_letters()) == 2 <= functions.pipeline.announcements()

    repaired = functions.redeploy(function, environment)
    with InvokeApi({repaired.name: repaired}) as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
        status, said = run()
    assert status == 0
    assert f"2 of 2: sent 1 record (RetryAttemptsExhausted) of PKG-2 to {function.name}." in said
    assert functions.pipeline.dead_letters() == []
    assert functions.pipeline.announcements() == 0
    assert functions.pipeline.changes() == [("PKG-1", None, "pending"), ("PKG-2", None, "pending")]


def letter(functions: StreamFunctions, record: dict[str, Any]) -> dict[str, Any]:
    """A dead letter about a record, as far as it is read."""
    return {
        "requestContext": {
            "condition": "RetryAttemptsExhausted",
            "functionArn": f"arn:...:function:tracking-notifier-{functions.pipeline.environment_suffix}",
        },
        "DDBStreamBatchInfo": {
            "shardId": functions.pipeline.shipments.shard,
            "startSequenceNumber": record["dynamodb"]["SequenceNumber"],
        },
        "payload": {"Records": [record]},
    }


def test_dead_letters_are_handled_in_the_order_of_the_stream_and_a_record_that_fails_again_stays(
    functions: StreamFunctions,
    environment: dict[str, str],
    run: Callable[..., tuple[Any, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    function = functions.deploy_notifier(environment)
    functions.pipeline.put("PKG-1", "pending", 1_700_000_000_000)
    functions.pipeline.put_poison("PKG-3")
    functions.pipeline.put("PKG-1", "delivered", 1_700_000_001_000)
    dead_letters = [letter(functions, record) for record in functions.pipeline.shipments.records()]
    for one in reversed(dead_letters):
        functions.pipeline.send_dead_letter(one)
    with InvokeApi({function.name: function}) as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
        status, said = run()
    assert status == "Left: 1 dead letter."
    assert f"2 of 3: {function.name} failed again on 1 of 1 record (RetryAttemptsExhausted) of PKG-3" in said
    assert functions.pipeline.changes() == [("PKG-1", None, "pending"), ("PKG-1", "pending", "delivered")]
    assert functions.pipeline.dead_letters() == [dead_letters[1]]
    assert functions.pipeline.announcements() >= 1


def test_a_dead_letter_does_not_choose_what_is_invoked(
    functions: StreamFunctions, run: Callable[..., tuple[Any, str]]
) -> None:
    functions.pipeline.put("PKG-1", "pending")
    (record,) = functions.pipeline.shipments.records()
    foreign = letter(functions, record)
    foreign["requestContext"]["functionArn"] = "arn:...:function:tracking-notifier-prod"
    functions.pipeline.send_dead_letter(foreign)
    status, said = run()
    assert status == "Left: 1 dead letter."
    assert "of PKG-1 are of arn:...:function:tracking-notifier-prod, which is not a function of this" in said


def test_a_message_about_something_else_stays(
    functions: StreamFunctions, run: Callable[..., tuple[Any, str]]
) -> None:
    for body in ('{"httpMethod": "GET"}', '"no object"', "no JSON"):
        boto3.client("sqs").send_message(QueueUrl=functions.pipeline.dead_letter_url, MessageBody=body)
    assert run() == (
        "Left: 3 dead letters.",
        f"{functions.pipeline.dead_letter_bucket} holds 0 dead letters.\n"
        "The queue holds 3 messages about something else.\n",
    )
    assert functions.pipeline.announcements() == 3


def test_nothing_to_do_is_no_fault_and_what_is_missing_is_one_sentence(
    functions: StreamFunctions, run: Callable[..., tuple[Any, str]]
) -> None:
    assert run() == (0, f"{functions.pipeline.dead_letter_bucket} holds 0 dead letters.\n")
    boto3.client("sqs").delete_queue(QueueUrl=functions.pipeline.dead_letter_url)
    status, _ = run()
    assert status.startswith("Error: ")
    assert "\n" not in status


@pytest.fixture
def quarantine(functions: StreamFunctions) -> str:
    """The bucket of what sources of the pipeline's environment have sent, with three messages in it."""
    bucket = f"tracking-quarantine-{functions.pipeline.environment_suffix}-0123456789ab"
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=bucket)
    for source, message in (
        ("demo", {"tracking_id": "PKG-1", "status": "pending", "place": {"country": "DE"}, "timestamp": 1}),
        ("demo", {"tracking_id": "PKG-2", "status": "lost"}),
        ("gone", {}),
    ):
        body, reasons = json.dumps(message).encode(), ["the mapping was wrong then"]
        Quarantine(s3, bucket).keep(
            source, body, media_type="application/json", reasons=reasons, received_at=1_700_000_000_000
        )
    return bucket


@pytest.fixture
def deploy_inbound(
    functions: StreamFunctions, environment: dict[str, str], quarantine: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Function]]:
    """Deploys the inbound function, with these variables too, for the command to invoke."""
    with ExitStack() as stack:

        def deploy(**variables: str) -> Function:
            sources = json.dumps({"demo": {"mapping": "generic"}})
            variables |= {contract.INBOUND_SOURCES: sources, contract.QUARANTINE_BUCKET: quarantine}
            function = functions.deploy_inbound(environment | variables)
            api = stack.enter_context(InvokeApi({function.name: function}))
            monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
            return function

        yield deploy


def test_what_was_kept_is_mapped_again_and_deleted_if_it_is_an_update_now(
    functions: StreamFunctions,
    quarantine: str,
    deploy_inbound: Callable[..., Function],
    run: Callable[..., tuple[Any, str]],
) -> None:
    def keys() -> list[str]:
        listed = boto3.client("s3").list_objects_v2(Bucket=quarantine)
        return [item["Key"] for item in listed.get("Contents", [])]

    deploy_inbound()
    status, said = run("--dry-run")
    assert (status, len(keys())) == (0, 3)
    assert f"would map {keys()[0]} again." in said
    status, said = run()
    assert status == "Left: 2 messages."
    assert "stored 1 update of demo/" in said
    assert "1 event of demo/" in said
    assert "1 event of gone/" in said
    assert "PKG-" not in said
    assert [key.partition("/")[0] for key in keys()] == ["demo", "gone"]
    (stored,) = functions.pipeline.updates.records()
    assert stored["dynamodb"]["Keys"] == {"tracking_id": {"S": "PKG-1"}, "timestamp": {"N": "1"}}


def test_while_the_table_is_away_what_was_kept_stays(
    deploy_inbound: Callable[..., Function], run: Callable[..., tuple[Any, str]]
) -> None:
    function = deploy_inbound(AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9")
    status, said = run()
    assert status == "Left: 3 messages."
    assert f"{function.name} failed on demo/" in said
