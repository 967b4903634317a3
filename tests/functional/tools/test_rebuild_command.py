"""`make rebuild` at the command line."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from shipments.shipment import Shipment, StoredUpdate
from tests.pipeline import Pipeline
from tests.records import check
from tools import rebuild
from tools.rebuild import Rebuild

pytestmark = pytest.mark.usefixtures("no_progress_stays", "pages_are_small")

#: An event time, in ms.
T = 1_700_000_000_000


@pytest.fixture
def command(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[Any, str]]:
    """Runs the command; gives its exit status and what it printed."""

    def command(*arguments: str) -> tuple[Any, str]:
        monkeypatch.setenv("ENVIRONMENT_SUFFIX", pipeline.environment_suffix)
        monkeypatch.setattr("sys.argv", ["rebuild", *arguments])
        capsys.readouterr()
        try:
            rebuild.main()
        except SystemExit as end:
            return end.code, "".join(capsys.readouterr())
        return 0, "".join(capsys.readouterr())

    return command


def test_a_dry_run_counts_and_writes_nothing(
    pipeline: Pipeline, command: Callable[..., tuple[Any, str]]
) -> None:
    ids = [f"PKG-{number}" for number in range(9)]
    for number in range(60):
        pipeline.store(ids[number % 9], "pending", T + number, now=T)
    pipeline.projection.write(Shipment.of(StoredUpdate(ids[0], T + 60, "delivered", None)), None)
    pipeline.store("NEW", "pending")
    pipeline.shipments.records()
    status, said = command("--dry-run", "--units", "1000000")
    assert status == 0
    numbers = "10 shipments, 0 unchanged, 1 corrected, 8 added, 1 left to the projector, 0 foreign items"
    assert f"{pipeline.updates.table}: {numbers}, 15 read units. Nothing was written.\n" == said
    assert pipeline.shipments.records() == []
    assert command("--units", "1000000") == (0, f"{pipeline.updates.table}: {numbers}, 15 read units.\n")
    check(pipeline, *ids)


def test_what_goes_wrong_is_one_sentence(
    pipeline: Pipeline, command: Callable[..., tuple[Any, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Rebuild) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Rebuild, "run", interrupt)
        assert command()[0] == "Stopped; `make rebuild` goes on where it was."
        assert command("--dry-run")[0] == "Stopped."
    boto3.client("dynamodb").delete_table(TableName=pipeline.updates.table)
    status, _ = command()
    assert status.startswith("Error: ")
    assert "\n" not in status
    for units in ("0", "-1", "x"):
        status, said = command("--units", units)
        assert status == 2
        assert f"must be a number above 0, and is {units}\n" in said
