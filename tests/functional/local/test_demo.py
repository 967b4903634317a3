"""The demo shipment, where the API's limits are low."""

import threading

import pytest
from werkzeug.wrappers import Request, Response

from local import demo
from local.server import Server


def test_an_update_that_is_throttled_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    statuses = [200, 429, 429, *[200] * 4]

    def answer(_: Request) -> Response:
        return Response("{}", statuses.pop(0), {"Retry-After": "1"})

    with Server(Request.application(answer)) as server:
        demo.post_past(server.url, "us-east-1")
    assert (statuses, waited) == ([], [1, 1])


def test_an_update_that_is_refused_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PAUSE", 0)
    application = Request.application(lambda _: Response("no", 500))
    with (
        Server(application) as server,
        pytest.raises(demo.DemoError, match="The demo shipment was not stored: 500 no"),
    ):
        demo.post_late(server.url, "us-east-1", threading.Event())
