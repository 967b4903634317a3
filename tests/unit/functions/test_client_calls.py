"""The client for AWS over the wire, beside botocore: the same retries and credentials."""

import json
import random
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import botocore
import botocore.auth
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.retries.standard import ExponentialBackoff
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import runtime.aws
from runtime.aws import AwsError, Client, Credentials, read_credentials
from tests.serving import serving

SESSION = botocore.session.Session()
PARAMETERS: dict[str, dict[str, Any]] = {"dynamodb": {"TableName": "A", "Item": {}}, "ssm": {"Names": ["A"]}}


class Aws(HTTPServer):
    """Answers requests with `answers` in turn (status, body), each over a connection of its own; None: with none."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, bytes] | None] = []
        self.chunked = False
        #: Seconds between two bytes.
        self.pause = 0.0
        self.requests: list[dict[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Aws

    def do_POST(self) -> None:
        self.server.requests.append({name.lower(): value for name, value in self.headers.items()})
        self.close_connection = True
        if not (answer := self.server.answers.pop(0)):
            return
        status, body = answer
        self.send_response_only(status)
        self.send_header("Connection", "close")
        if self.server.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            pieces = [body[index : index + 5] for index in range(0, len(body), 5)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                return
            threading.Event().wait(self.server.pause)

    def do_GET(self) -> None:  # of credentials
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with serving(server := Aws()) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield server


CODES = [
    *sorted(runtime.aws._THROTTLES | runtime.aws._TRANSIENT),
    "ConditionalCheckFailedException",
    "InternalServerError",
    "ValidationException",
    "Other",
]
errors = st.builds(
    lambda status, code: (status, json.dumps({"__type": f"com.amazonaws#{code}"}).encode()),
    st.sampled_from([400, 413, 500, 501, 502, 503, 504]),
    st.sampled_from(CODES),
)


def outcome(
    client: Any, service: str, server: Aws, script: list[tuple[int, bytes] | None]
) -> tuple[int, str]:
    """How many requests a call takes, and the code of its error."""
    server.answers, code = list(script), ""
    server.requests.clear()
    try:
        getattr(client, {"dynamodb": "put_item", "ssm": "get_parameters"}[service])(**PARAMETERS[service])
    except ClientError as error:
        code = error.response["Error"]["Code"]
    except AwsError as error:
        code = "" if error.__cause__ else error.code
    except BotoCoreError:
        pass
    return len(server.requests), code


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    service=st.sampled_from(sorted(PARAMETERS)),
    script=st.lists(st.none() | errors | st.sampled_from([(200, b"{}"), (429, b"")]), min_size=3, max_size=3),
    luck=st.floats(0, 1, exclude_max=True),
)
def test_retries_are_botocores(
    aws: Aws, service: str, script: list[tuple[int, bytes] | None], luck: float
) -> None:
    # An error that only DynamoDB has.
    assume(service == "dynamodb" or not any(b"ReplicatedWrite" in body for _, body in filter(None, script)))
    waits: list[float] = []
    config = Config(retries={"mode": "standard", "total_max_attempts": 3})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(random, "random", lambda: luck)
        # botocore has it as a default.
        patch.setattr(ExponentialBackoff.__init__, "__defaults__", (20, random.random, None, None))
        patch.setattr(time, "sleep", waits.append)
        stock = SESSION.create_client(service, region_name="us-east-1", config=config)
        expected = outcome(stock, service, aws, script)
        expected_waits = pytest.approx(waits[:])
        waits.clear()
        assert outcome(Client(service, "us-east-1"), service, aws, script) == expected
    assert waits == expected_waits


def test_retries_end_with_their_quota(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 0)
    client = Client("dynamodb", "us-east-1")
    aws.answers = [(500, b"{}")] * 200
    for _ in range(20):
        with pytest.raises(AwsError):
            client.query(TableName="A")
    # 500 // 14 retries, as many as botocore has.
    assert len(aws.requests) == 20 + 35
    aws.answers = [*[(200, b"{}")] * 14, (500, b"{}"), (200, b"{}")]
    for _ in range(15):
        client.query(TableName="A")
    assert not aws.answers


def test_an_answer_may_be_chunked(aws: Aws) -> None:
    aws.chunked = True
    aws.answers = [(200, b'{"Items": ["a long one"]}')]
    assert Client("dynamodb", "us-east-1").query() == {"Items": ["a long one"]}


def test_an_answer_that_trickles_in_is_given_up_in_time(aws: Aws) -> None:
    aws.pause = 0.1
    aws.answers = [(200, b'{"Items": ["a long one"]}')]
    started = time.monotonic()
    with pytest.raises(AwsError, match="TimeoutError"):
        Client("dynamodb", "us-east-1", read_timeout=0.5, attempts=1).query()
    assert time.monotonic() - started < 1


def served(key: str, seconds: float) -> tuple[int, bytes]:
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    answer = {
        "AccessKeyId": key,
        "SecretAccessKey": "s",
        "Token": "t",
        "Expiration": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
    }
    return 200, json.dumps(answer).encode()


def test_credentials_are_fetched_with_snapstart_and_again_before_they_expire(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    url = f"http://127.0.0.1:{aws.server_port}/2021/credentials?of=a"
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret-token")
    client = Client("dynamodb", "us-east-1")
    answer = (200, b"{}")
    aws.answers = [served("first", 599), answer, served("second", 3600), answer, answer]
    for _ in range(3):
        client.query()
    assert aws.requests[0]["authorization"] == "secret-token"
    assert aws.requests[1]["x-amz-security-token"] == "t"
    used = [re.findall(r"Credential=(\w+)/", request["authorization"]) for request in aws.requests]
    assert used == [[], ["first"], [], ["second"], ["second"]]


def test_credentials_hold_while_their_endpoint_fails(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{aws.server_port}/")
    aws.answers = [None, None]
    last = Credentials("a", "b", "c", time.time() + 60)
    assert read_credentials(last) == last
    with pytest.raises((OSError, ValueError)):
        read_credentials(last._replace(expires=0))


def test_without_credentials_a_call_fails(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", raising=False)
    with pytest.raises(AwsError, match="KeyError"):
        Client("dynamodb", "us-east-1").query()
    assert not aws.requests
