"""`make redrive`, over letters of the deployed notifier and over some that nobody can handle."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from local.invoke import InvokeApi
from tests.mapped import Mapped, eventually
from tools import redrive

pytestmark = pytest.mark.slow

NOWHERE = {"AWS_ENDPOINT_URL_SNS": "http://127.0.0.1:9"}


@pytest.fixture
def run(
    mapped: Mapped, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[Any, str]]:
    """Runs the command for the feed's queue; gives its exit status and what it printed."""

    def run(*arguments: str) -> tuple[Any, str]:
        monkeypatch.setenv("ENVIRONMENT_SUFFIX", mapped.feed.environment_suffix)
        monkeypatch.setattr("sys.argv", ["redrive", *arguments])
        capsys.readouterr()
        try:
            redrive.main()
        except SystemExit as end:
            return end.code, capsys.readouterr().out
        return 0, capsys.readouterr().out

    return run


def notifier(mapped: Mapped) -> str:
    return f"tracking-notifier-{mapped.feed.environment_suffix}"


def letter(mapped: Mapped, **batch: Any) -> str:
    """A dead letter about the feed's first record, but for `batch`."""
    return json.dumps(
        {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": f"arn:aws:lambda:us-east-1:123456789012:function:{notifier(mapped)}",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 3,
            },
            "DDBStreamBatchInfo": {
                "shardId": mapped.feed.shard,
                "startSequenceNumber": "1100000000017454423009",
                "endSequenceNumber": "1100000000017454423009",
                "approximateArrivalOfFirstRecord": "2023-11-14T22:13:20Z",
                "approximateArrivalOfLastRecord": "2023-11-14T22:13:20Z",
                "batchSize": 1,
                "streamArn": mapped.feed.stream,
                **batch,
            },
        }
    )


def test_what_sns_did_not_take_is_sent_again_once_it_is_back(
    mapped: Mapped,
    environment: dict[str, str],
    run: Callable[..., tuple[Any, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    function = mapped.deploy_notifier(environment | NOWHERE, MaximumRetryAttempts=0)
    mapped.feed.put("PKG-1", "pending")
    mapped.feed.put("PKG-2", "pending")
    poller = mapped.poll(function)
    eventually(lambda: len(mapped.feed.letters()) == 2)
    poller.close()
    assert mapped.feed.changes() == []

    status, said = run("--dry-run")
    assert status == 0
    assert f"1 of 2: would send 1 record (RetryAttemptsExhausted) of PKG-1 to {function.name}." in said
    assert len(mapped.feed.letters()) == 2

    with InvokeApi({function.name: function}) as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
        status, said = run()
        assert status == "Left: 2 dead letters."
        assert f"2 of 2: {function.name} failed again on 1 record" in said
        assert len(mapped.feed.letters()) == 2

    repaired = mapped.redeploy(function, environment)
    with InvokeApi({repaired.name: repaired}) as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
        status, said = run()
    assert status == 0
    assert f"2 of 2: sent 1 record (RetryAttemptsExhausted) of PKG-2 to {function.name}." in said
    assert mapped.feed.letters() == []
    assert mapped.feed.changes() == [("PKG-1", None, "pending"), ("PKG-2", None, "pending")]


def test_letters_are_handled_in_the_order_of_the_stream_and_a_record_that_fails_again_stays(
    mapped: Mapped,
    environment: dict[str, str],
    run: Callable[..., tuple[Any, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    function = mapped.deploy_notifier(environment)
    mapped.feed.put("PKG-1", "pending", 1_700_000_000_000)
    mapped.feed.put_poison("PKG-3")
    mapped.feed.put("PKG-1", "delivered", 1_700_000_001_000)
    numbers = [record["dynamodb"]["SequenceNumber"] for record in mapped.feed.records()]
    for start, end in ((2, 2), (1, 1), (0, 0)):
        mapped.feed.send_letter(
            letter(mapped, startSequenceNumber=numbers[start], endSequenceNumber=numbers[end])
        )
    with InvokeApi({function.name: function}) as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
        status, said = run()
    assert status == "Left: 1 dead letter."
    assert f"2 of 3: {function.name} failed again on 1 record (RetryAttemptsExhausted) of PKG-3" in said
    assert mapped.feed.changes() == [("PKG-1", None, "pending"), ("PKG-1", "pending", "delivered")]
    (left,) = mapped.feed.letters()
    assert left["DDBStreamBatchInfo"]["startSequenceNumber"] == numbers[1]


def test_the_shipments_are_named_when_the_stream_has_forgotten_the_records(
    mapped: Mapped, run: Callable[..., tuple[Any, str]]
) -> None:
    moment = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC
    mapped.feed.put("PKG-1", "pending", now=moment)
    mapped.feed.put("PKG-2", "failed", moment - 3_600_000, now=moment - 20_000)
    mapped.feed.put("PKG-3", "pending", now=moment + 60_000)
    mapped.feed.put("PKG-4", "pending", now=moment - 120_000)
    mapped.feed.send_letter(letter(mapped, startSequenceNumber="9" * 24, endSequenceNumber="9" * 24))
    for arguments in ([], ["--dry-run"]):
        _, said = run(*arguments)
        assert "the stream no longer has the records; it stays. Look at PKG-1, PKG-2, updated" in said
        assert len(mapped.feed.letters()) == 1


def test_what_is_no_dead_letter_of_a_stream_stays(
    mapped: Mapped, run: Callable[..., tuple[Any, str]]
) -> None:
    mapped.feed.send_letter('{"httpMethod": "GET"}')
    mapped.feed.send_letter('"no object"')
    mapped.feed.send_letter(letter(mapped, streamArn="no ARN"))
    mapped.feed.send_letter(letter(mapped, streamArn=1))
    status, said = run()
    assert status == "Left: 4 dead letters."
    assert said.count("no dead letter of a stream; it stays.") == 4
    assert len(mapped.feed.letters()) == 4


@pytest.mark.parametrize("other", ["tracking-notifier-prod", "tracking-data-prod"])
def test_nothing_is_sent_to_another_function_or_read_from_another_table(
    mapped: Mapped,
    environment: dict[str, str],
    run: Callable[..., tuple[Any, str]],
    monkeypatch: pytest.MonkeyPatch,
    other: str,
) -> None:
    function = mapped.deploy_notifier(environment)
    mapped.feed.put("PKG-1", "pending")
    (record,) = mapped.feed.records()
    number = record["dynamodb"]["SequenceNumber"]
    own = function.name if "notifier" in other else mapped.feed.table
    mapped.feed.send_letter(
        letter(mapped, startSequenceNumber=number, endSequenceNumber=number).replace(own, other)
    )
    with InvokeApi({function.name: function, other: function}) as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", api.url)
        for arguments in ([], ["--dry-run"]):
            _, said = run(*arguments)
            assert f"1 of 1: not of {function.name} and {mapped.feed.table}, but of " in said
            assert other in said
    assert mapped.feed.changes() == []
    assert len(mapped.feed.letters()) == 1


def test_an_empty_queue_is_no_fault_and_a_missing_one_is_one_sentence(
    mapped: Mapped, run: Callable[..., tuple[Any, str]]
) -> None:
    assert run() == (0, f"{mapped.feed.dead_letters} holds 0 dead letters.\n")
    boto3.client("sqs").delete_queue(QueueUrl=mapped.feed.dead_letter_url)
    status, _ = run()
    assert status.startswith("Error: ")
    assert "\n" not in status
