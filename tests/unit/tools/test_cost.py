"""The arithmetic of docs/cost.md, and that the documents show what it gives."""

import ast
from collections.abc import Iterator

import pytest

import contract
from main import ROOT
from tests.synthesis import settings as settings_of
from tools import cost, cost_model
from tools.cost_model import READS, STANDING, UPDATES, Load, usd
from tools.generated import filled

LOAD = Load(memory_mb=512, web_acl=False)


def test_docs_are_not_stale() -> None:
    for document, parts in zip((cost.COST, cost.SCALE), cost.render(), strict=True):
        text = document.read_text("utf-8")
        assert text == filled(text, parts), "run `make cost`"


def test_a_place_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="0 places for 'x'"):
        filled("text", {"x": "y"})


@pytest.mark.parametrize(("size", "units"), [(1, 1), (1024, 1), (1025, 2), (400 * 1024, 400)])
def test_an_update_is_written_twice_in_whole_kb(size: int, units: int) -> None:
    costs = usd(UPDATES, LOAD._replace(item=size))
    assert costs["DynamoDB, table"] == costs["DynamoDB, index"] == pytest.approx(units * 0.625)


def test_lambda_is_billed_by_the_ms_and_its_memory() -> None:
    # 0.31 ms of CPU at 512 of 1,769 MB are 1.1 ms, and 5 ms of waiting: 7 ms of half a GB.
    assert usd(UPDATES, LOAD)["Lambda, time"] == pytest.approx(1e6 * 0.007 * 0.5 * 0.0000133334)


def test_a_read_of_the_index_costs_half_for_each_shard() -> None:
    history, one, eight = (usd(READS, LOAD._replace(shards=n))["DynamoDB, reads"] for n in (0, 1, 8))
    assert (history, one, eight) == (0.125, 0.0625, 0.5)


def test_a_web_acl_inspects_every_request() -> None:
    batches = LOAD._replace(web_acl=True, batch=100)
    assert usd(READS, LOAD)["Web ACL"] == 0
    assert usd(UPDATES, batches)["Web ACL"] == pytest.approx(0.006)


def test_api_gateway_gets_cheaper_in_steps() -> None:
    a_second = 2e6 / cost_model.SECONDS_A_MONTH  # 2 million requests a month
    assert cost_model.monthly(a_second, LOAD)["API Gateway"] == pytest.approx(2 * 3.50)
    # 30,000 million: the published tiers by hand.
    expected = 333 * 3.50 + 667 * 2.80 + 19_000 * 2.38 + 10_000 * 1.51
    assert cost_model.monthly(a_second * 15_000, LOAD)["API Gateway"] == pytest.approx(expected)


def test_what_is_paid_without_a_request_is_counted_in_the_synthesized_json() -> None:
    found = {**cost.synthesized(settings_of("prod"))}
    before = usd(STANDING, found)
    assert all(before.values())
    # Metric math costs as many alarms as it reads metrics.
    alarm = {"metric_query": [{"metric": [{}]}, {"metric": [{}]}, {"expression": "a/b"}]}
    for kind, more in (("aws_cloudwatch_metric_alarm", alarm), ("aws_kms_key", {})):
        found[kind] = [*found[kind], more]
    assert sum(usd(STANDING, found).values()) - sum(before.values()) == pytest.approx(2 * 0.10 + 1.00)


def counted(*sources: str) -> Iterator[str]:
    """The names of the metrics that the code in these files of lambda/ counts."""
    for pattern in sources:
        for path in (ROOT / "lambda").glob(pattern):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                    ("telemetry.count", "telemetry.measure")
                ):
                    name = node.args[0]
                    yield from (
                        found.value
                        for found in ast.walk(name)
                        if isinstance(found, ast.Constant) and isinstance(found.value, str)
                    )
                    if isinstance(name, ast.Subscript) and isinstance(name.value, ast.Attribute):
                        yield from getattr(contract, name.value.attr).values()


def test_every_metric_of_the_functions_is_paid_for() -> None:
    functions = [
        ("tracking/*.py", "web/*.py", "runtime/settings.py"),
        ("projector/*.py", "runtime/batch.py"),
        ("deadlines/*.py",),
        ("notifier/*.py", "runtime/batch.py", "runtime/settings.py"),
        ("public/*.py", "web/*.py"),
    ]
    assert sum(len(set(counted(*sources))) for sources in functions) == cost_model.METRICS
    assert len(set(counted("inbound/*.py", "web/*.py"))) == cost_model.INBOUND_METRICS
