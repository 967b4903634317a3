"""What the tests of `make rebuild` share."""

from collections.abc import Iterator

import pytest

from main import ROOT
from tests.pipeline import Pipeline
from tools import rebuild


@pytest.fixture
def no_progress_stays(pipeline: Pipeline) -> Iterator[None]:
    yield
    for file in (ROOT / "build").glob(f"rebuild-{pipeline.environment_suffix}-*"):
        file.unlink()


@pytest.fixture
def pages_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "PAGE", 7)
