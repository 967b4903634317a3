"""The public function over the embedded AWS, asked as an HTTP API asks it (payload format 2.0)."""

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from public.wiring import make_api
from tests.functional.conftest import Answer, Caller
from tests.manager import Manager
from tests.outbound import Outbound, Receiver, receiving
from web.errors import CODES

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
NOW = 1_700_000_000_000


class Public:
    """Sends what the gateway would, and checks every answer's form."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.api = make_api(environment)

    def invoke(self, event: Any) -> Answer:
        """The answer to any event; its body is parsed if it is JSON, else {"html": body}."""
        answer = self.api.answer(event, SimpleNamespace(aws_request_id="lambda-1"))
        json.dumps(answer, allow_nan=False).encode()
        assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
        assert isinstance(answer["body"], str)
        assert answer["isBase64Encoded"] is False
        headers, status = answer["headers"], answer["statusCode"]
        assert all(isinstance(value, str) and value.isprintable() for value in headers.values())
        assert headers["X-Request-Id"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        if not answer["body"]:
            return Answer(status, headers, {})
        if headers["Content-Type"].startswith("text/html"):
            # Of all that OWASP's cheat sheet "HTTP Headers" asks of a page, what API Gateway does not add itself.
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"].split("; ")
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["X-Robots-Tag"] == "noindex"
            return Answer(status, headers, {"html": answer["body"]})
        assert headers["Content-Type"] == "application/json"
        body = json.loads(answer["body"])
        if status >= 400:
            assert set(body) == {"error", "code", "request_id", "errors"}
            assert body["code"] == CODES[status]
            assert body["request_id"] == headers["X-Request-Id"]
        return Answer(status, headers, body)

    def ask(
        self, method: str, path: str, *, body: str | None = None, stage: str = "$default", **headers: str
    ) -> Answer:
        """The answer to a request; the path may have a query, underscores of headers become hyphens."""
        path, _, query = path.partition("?")
        return self.invoke(
            {
                "version": "2.0",
                "routeKey": "$default",
                "rawPath": path,
                "queryStringParameters": dict(pair.split("=", 1) for pair in query.split("&") if pair),
                "headers": {name.replace("_", "-"): value for name, value in headers.items()},
                "requestContext": {
                    "http": {"method": method, "path": path},
                    "stage": stage,
                    "requestId": "gw-1",
                },
                "body": body,
                "isBase64Encoded": False,
            }
        )

    def get(self, path: str, **headers: str) -> Answer:
        """The answer to a GET."""
        return self.ask("GET", path, **headers)


@pytest.fixture(scope="module")
def public(environment: dict[str, str]) -> Public:
    return Public(environment)


@pytest.fixture
def stored(caller: Caller, shipment: str) -> str:
    """The tracking id of a shipment with three updates."""
    for place, (status, lat, lng) in enumerate(
        [("pending", 52.5163, 13.3777), ("in_transit", 48.8584, 2.2945), ("delivered", -0.004, -179.999)]
    ):
        update = {"tracking_id": shipment, "status": status, "location": {"lat": lat, "lng": lng}}
        secret = {"metadata": {"recipient": "SECRET"}, "timestamp": NOW + place}
        assert caller.post({**update, **secret}).status == 200
    return shipment


@pytest.fixture
def manager(environment: dict[str, str]) -> Manager:
    return Manager(Outbound())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def metrics(capsys: pytest.CaptureFixture[str]) -> Callable[[], dict[str, float]]:
    """The sums of the metrics since the last call."""

    def read() -> dict[str, float]:
        found: dict[str, float] = {}
        for line in capsys.readouterr().out.splitlines():
            for name, value in json.loads(line).items():
                if isinstance(value, list):
                    found[name] = found.get(name, 0) + sum(value)
        return found

    return read
