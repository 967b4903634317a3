"""How the poller understands a function's answer."""

from typing import Any

import pytest

from local.function import Invocation
from local.stream import _first_failure

BATCH = [{"dynamodb": {"SequenceNumber": number}} for number in ("1", "2", "3")]


@pytest.mark.parametrize(
    ("payload", "failed"),
    [
        (None, None),
        ({}, None),
        ({"batchItemFailures": None}, None),
        ({"batchItemFailures": []}, None),
        ("anything else", None),
        ({"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, 0),
        ({"batchItemFailures": [{"sequenceNumber": "3"}]}, 0),
    ],
)
def test_an_answer_tells_the_first_record_that_failed(payload: Any, failed: int | None) -> None:
    assert _first_failure(BATCH, Invocation("id", payload), ["ReportBatchItemFailures"]) == failed


def test_an_answer_counts_only_if_the_mapping_says_so() -> None:
    answer = Invocation("id", {"batchItemFailures": [{"itemIdentifier": "2"}]})
    assert _first_failure(BATCH, answer, []) is None


def test_a_crash_fails_the_whole_batch() -> None:
    assert _first_failure(BATCH, Invocation("id", {"errorType": "ValueError"}, "Unhandled"), []) == 0
