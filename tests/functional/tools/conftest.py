"""What the tests of `make rebuild` share."""

from collections.abc import Iterator

import pytest

from main import ROOT
from tests.feed import Feed
from tools import rebuild


@pytest.fixture
def no_progress_stays(feed: Feed) -> Iterator[None]:
    yield
    for file in (ROOT / "build").glob(f"rebuild-{feed.environment_suffix}-*"):
        file.unlink()


@pytest.fixture
def pages_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "PAGE", 7)
