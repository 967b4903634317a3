"""The simulation shows the bounds that are known, and docs/ shows what it gives."""

import pytest

from tools.generated import filled
from tools.simulation import (
    DOCUMENT,
    PARTITION_LIMIT,
    RATES,
    SHARDS,
    STATUSES,
    Results,
    accepted,
    describe,
    simulate,
)

BUSIEST = max(STATUSES.values())


@pytest.fixture(scope="module")
def results() -> Results:
    return simulate()


@pytest.mark.slow
@pytest.mark.parametrize("shards", SHARDS)
def test_throttling_begins_when_the_busiest_status_fills_its_shards(shards: int) -> None:
    limit = PARTITION_LIMIT * shards / BUSIEST
    # Shards fill up unevenly: a hash is no round robin.
    below, above = int(limit * (0.97 if shards == 1 else 0.85)), int(limit * 1.1)
    assert accepted(below, shards) == below
    assert accepted(above, shards) < above


@pytest.mark.slow
def test_one_shard_takes_at_most_a_partition_for_each_status() -> None:
    assert accepted(60_000, 1) <= PARTITION_LIMIT * len(STATUSES)


def test_a_shipment_takes_a_partition_however_many_shards_there_are() -> None:
    assert accepted(4_000, 16, shipments=1) == PARTITION_LIMIT


@pytest.mark.slow
def test_more_shards_never_take_less(results: Results) -> None:
    for rate in RATES:
        taken = [results[rate, shards] for shards in SHARDS]
        assert taken == sorted(taken)


@pytest.mark.slow
def test_docs_show_what_it_gives(results: Results) -> None:
    text = DOCUMENT.read_text("utf-8")
    assert text == filled(text, {"simulation": describe(results)}), "run `make simulate`"
