"""The arithmetic of docs/cost.md, and that the documents show what it gives."""

from typing import Any

import pytest

from storage.attributes import encode_item
from tests.synthesis import resources, synthesize
from tests.synthesis import settings as settings_of
from tools import cost
from tools.cost import Request
from tools.generated import filled


def usd(lines: list[cost.Line], *names: str) -> float:
    return sum(line.usd for line in lines if line.what in names)


def test_docs_are_not_stale() -> None:
    for document, parts in zip((cost.COST, cost.SCALE), cost.render(), strict=True):
        text = document.read_text("utf-8")
        assert text == filled(text, parts), "run `make cost`"


def test_a_place_that_is_missing_is_told() -> None:
    with pytest.raises(ValueError, match="0 places for 'x'"):
        filled("text", {"x": "y"})


@pytest.mark.parametrize(
    ("value", "size"),
    [
        # By hand, after "DynamoDB Item sizes and formats".
        ({"id": "ä"}, 2 + 2),
        ({"n": 1_700_000_000_000}, 1 + 2),
        ({"n": 13_404_954}, 1 + 5),
        ({"n": -0.05}, 1 + 2),
        ({"b": None, "c": True}, 1 + 1 + 1 + 1),
        ({"m": {}, "l": []}, 1 + 3 + 1 + 3),
        ({"m": {"a": "xy"}}, 1 + 3 + 1 + 1 + 2),
    ],
)
def test_item_size(value: dict[str, Any], size: int) -> None:
    assert cost.item_size(encode_item(value)) == size


@pytest.mark.parametrize(("size", "units"), [(1, 1), (1024, 1), (1025, 2), (400 * 1024, 400)])
def test_each_kb_that_begins_is_written_twice(size: int, units: int) -> None:
    lines = cost.for_updates(512, Request(size, 100, 1000))
    assert usd(lines, "DynamoDB, table", "DynamoDB, index") == pytest.approx(2 * units * 0.625)


def test_lambda_is_billed_by_the_ms_and_its_memory() -> None:
    # 0.75 ms of CPU at 512 of 1,769 MB are 2.6 ms, and 5 ms of waiting: 8 ms of half a GB.
    lines = cost.for_updates(512, Request(200, 100, 1000))
    assert usd(lines, "Lambda, time") == pytest.approx(1e6 * 0.008 * 0.5 * 0.0000133334)


def test_a_read_of_the_index_costs_half_for_each_shard() -> None:
    request = Request(200, 100, 1000)
    history, one, eight = (
        usd(cost.for_reads(512, request, index_shards=n), "DynamoDB, reads") for n in (0, 1, 8)
    )
    assert (history, one, eight) == (0.125, 0.0625, 0.5)


def test_api_gateway_gets_cheaper_in_steps() -> None:
    lines = [cost.Line("API Gateway", 1e6, "api")]
    a_second = 2e6 * 1e6 / 1e6 / cost.SECONDS_A_MONTH  # 2 million requests a month
    assert cost.monthly(a_second, lines) == pytest.approx({"API Gateway": 2 * 3.50})
    # 30,000 million: the published tiers by hand.
    expected = 333 * 3.50 + 667 * 2.80 + 19_000 * 2.38 + 10_000 * 1.51
    assert cost.monthly(a_second * 15_000, lines) == pytest.approx({"API Gateway": expected})


def test_what_stands_is_counted_in_what_is_synthesized() -> None:
    stack = synthesize(settings_of("prod"))["tracking-prod"]
    kinds = ("aws_kms_key", "aws_cloudwatch_dashboard", "aws_cloudwatch_metric_alarm")
    counted = [(kind, resource) for kind in kinds for resource in resources(stack, kind)]
    alarm = {"metric_query": [{"metric": [{}]}, {"metric": [{}]}, {"expression": "a/b"}]}
    more = [*counted, ("aws_cloudwatch_metric_alarm", alarm), ("aws_kms_key", {})]
    before, after = (sum(line.usd for line in cost.for_standing(given)) for given in (counted, more))
    assert counted
    assert after - before == pytest.approx(2 * 0.10 + 1.00)


def test_a_request_logs_no_more_than_it_says() -> None:
    post, get = cost.measure()
    assert 100 < post.item < 1024
    assert get.answer > 10 * 150
    assert 500 < post.logged < 2000
