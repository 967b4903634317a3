"""The tracking function, put together as when it is deployed, over the embedded AWS."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import quote

import boto3
import pytest

import contract
import web.request
from local.aws import EmbeddedAws
from tests.conftest import REGION, Tables, environment_suffix
from tests.fault_proxy import FaultProxy, open_fault_proxy
from tests.pipeline import Pipeline
from tests.recorded_calls import recorded
from tests.rights import FUNCTIONS, Right
from tests.stream_functions import StreamFunctions
from tracking.api import Api
from tracking.wiring import make_api
from web.errors import CODES

FLAGS = {"enhanced_tracking": True, "batch_processing": True, "real_time_notifications": True}


class Answer(NamedTuple):
    """What the function answered; the body is parsed."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def pointers(self) -> list[str]:
        """Where the answer says that something is wrong."""
        return [fault["pointer"] for fault in self.body["errors"]]


def check_answer(answer: Any) -> Answer:
    """`answer`, which must be what API Gateway takes, and in the one shape of errors if it is one."""
    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert all(isinstance(value, str) for value in answer["headers"].values())
    assert answer["headers"]["Content-Type"] == "application/json"
    assert answer["headers"]["X-Request-Id"]
    assert answer["isBase64Encoded"] is False
    json.dumps(answer, allow_nan=False).encode()
    status, body = answer["statusCode"], json.loads(answer["body"])
    if status != 200:
        assert set(body) == {"error", "code", "request_id", "errors"}
        assert body["code"] == CODES[status]
        assert body["error"]
        assert body["request_id"] == answer["headers"]["X-Request-Id"]
        assert all(set(fault) == {"pointer", "detail"} for fault in body["errors"])
    return Answer(status, answer["headers"], body)


class Caller:
    """Sends what API Gateway would, and checks every answer's form."""

    def __init__(self, api: Api, environment: dict[str, str]) -> None:
        self.api = api
        self.environment = environment
        #: What an invocation has left.
        self.seconds = 30

    def invoke(self, event: Any) -> Answer:
        """The answer to any event."""
        context = SimpleNamespace(
            aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: self.seconds * 1000
        )
        return check_answer(self.api.answer(event, context))

    def post(self, body: Any, path: str = "/track", **headers: str) -> Answer:
        """The answer to a POST of `body`, a text or what becomes JSON; headers' underscores become hyphens."""
        return self.invoke(
            {
                "resource": path,
                "path": path,
                "httpMethod": "POST",
                "headers": {name.replace("_", "-"): value for name, value in headers.items()},
                "queryStringParameters": None,
                "requestContext": {"requestId": str(uuid.uuid4()), "identity": {"user": "AIDA1"}},
                "body": body if isinstance(body, str) else json.dumps(body),
                "isBase64Encoded": False,
            }
        )

    def get(self, path: str, **query: str) -> Answer:
        """The answer to a GET."""
        return self.invoke(
            {"resource": path, "path": path, "httpMethod": "GET", "queryStringParameters": query or None}
        )

    def shipment(self, tracking_id: str, encoded: str = "") -> Answer:
        """The answer to a GET of what is true of a shipment now; `encoded` stands in the path, if it is another."""
        return self.invoke(
            {
                "resource": "/shipments/{tracking_id}",
                "path": f"/shipments/{encoded or quote(tracking_id, safe='')}",
                "httpMethod": "GET",
                "queryStringParameters": None,
            }
        )

    def history(self, tracking_id: str, limit: int = 100) -> list[dict[str, Any]]:
        """Every update of a shipment, by way of all pages, which have `limit` updates."""
        updates, query = [], {"tracking_id": tracking_id, "limit": str(limit)}
        while True:
            answer = self.get("/status", **query)
            assert answer.status == 200, answer
            updates += answer.body["updates"]
            if "next_key" not in answer.body:
                return updates
            query["last_key"] = answer.body["next_key"]


@pytest.fixture(scope="session", autouse=True)
def _recorded() -> Iterator[dict[str, set[Right]]]:
    with recorded() as calls:
        yield calls


@pytest.fixture(autouse=True)
def calls(_recorded: dict[str, set[Right]]) -> Iterator[dict[str, set[Right]]]:
    """The rights that calls of each function have needed since the last test, each of which must be listed."""
    yield _recorded
    for function, needed in _recorded.items():
        unlisted = needed - FUNCTIONS[function].calls
        needed.clear()
        assert not unlisted, f"rights of {function} that tests/rights.py does not list"


@pytest.fixture(scope="session")
def put_parameters(aws: EmbeddedAws) -> Callable[..., dict[str, str]]:
    """Writes the two parameters' texts (None: no such parameter); returns their names as the environment has them."""

    def put(flags: str | None, config: str | None, names: dict[str, str] | None = None) -> dict[str, str]:
        ssm = boto3.client("ssm")
        suffix = environment_suffix()
        names = names or {
            contract.FEATURE_FLAGS_PARAM: f"/logistics/features/{suffix}/flags",
            contract.CONFIG_PARAM: f"/logistics/api/{suffix}/config",
        }
        for name, text in zip(names.values(), (flags, config), strict=True):
            if text is not None:
                ssm.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)
        return names

    return put


@pytest.fixture(scope="module")
def environment(tables: Tables, put_parameters: Callable[..., dict[str, str]]) -> Iterator[dict[str, str]]:
    """The function's environment variables."""
    variables = {
        contract.TABLE_NAME: tables.updates,
        contract.SHIPMENTS_TABLE: tables.shipments,
        contract.REFERENCES_TABLE: tables.references,
        contract.IDEMPOTENCY_TABLE: tables.idempotency,
        contract.ENVIRONMENT: "test",
        contract.REGION: REGION,
        contract.STATUS_INDEX_SHARDS: "1",
        contract.STATUS_INDEX_SHARDS_READ: "1",
        "POWERTOOLS_SERVICE_NAME": "tracking-api",
        "POWERTOOLS_METRICS_NAMESPACE": "LogisticsTracking",
        "LOG_LEVEL": "INFO",
        **put_parameters(json.dumps(FLAGS), json.dumps(contract.DEFAULT_CONFIG)),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield variables


@pytest.fixture(scope="module")
def caller(environment: dict[str, str]) -> Caller:
    """A caller of the function."""
    return Caller(make_api(environment), environment)


@pytest.fixture(scope="module")
def _proxied_caller(aws: EmbeddedAws, environment: dict[str, str]) -> Iterator[tuple[FaultProxy, Caller]]:
    with open_fault_proxy(aws.endpoint) as proxy:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
            caller = Caller(make_api(environment), environment)
        yield proxy, caller


@pytest.fixture
def proxy(_proxied_caller: tuple[FaultProxy, Caller]) -> FaultProxy:
    """A proxy before the embedded AWS that can fail; at first it works, and nothing has come by."""
    proxy = _proxied_caller[0]
    proxy.calls.clear()
    proxy.bodies.clear()
    proxy.throttle = "ThrottlingException"
    proxy.faults.clear()
    proxy.cut.clear()
    proxy.broken.clear()
    return proxy


@pytest.fixture
def proxied_caller(_proxied_caller: tuple[FaultProxy, Caller], proxy: FaultProxy) -> Caller:
    """A caller of the function, whose calls to AWS go over `proxy`."""
    return _proxied_caller[1]


@pytest.fixture
def shipment() -> str:
    """The tracking id of a shipment that no other test knows."""
    return f"SHIP-{uuid.uuid4()}"


@pytest.fixture
def update(shipment: str) -> dict[str, Any]:
    """A valid update of `shipment`."""
    return {
        "tracking_id": shipment,
        "status": "in_transit",
        "location": {"lat": 52.52, "lng": 13.405},
        "metadata": {"carrier": "DHL", "weight_kg": 1.5, "tags": ["a", None, True]},
    }


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the server's clock stand still at a time in ms since the epoch."""

    def set_to(now: int) -> None:
        clock = SimpleNamespace(time=lambda: now / 1000, monotonic=time.monotonic)
        monkeypatch.setattr(web.request, "time", clock)

    return set_to


@pytest.fixture
def functions(aws: EmbeddedAws, tmp_path: Path) -> Iterator[StreamFunctions]:
    """A pipeline, and functions that its stream is mapped to; they end with the test."""
    with ExitStack() as stack:
        yield StreamFunctions(aws.endpoint, stack, tmp_path)


@pytest.fixture
def pipeline(environment: dict[str, str]) -> Pipeline:
    """Tables with their streams, and a topic, of its own."""
    return Pipeline()
