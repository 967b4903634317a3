"""The client for AWS beside botocore: the same signatures, retries, endpoints and certificates."""

import json
import random
import re
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import botocore
import botocore.auth
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import BotoCoreError, ClientError
from botocore.retries.standard import ExponentialBackoff
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import runtime.aws
from runtime.aws import SLOWEST_CALL, AwsError, Client, Credentials, endpoint, read_credentials, sign
from tracking.rest_request import GATEWAY_TIMEOUT

SESSION = botocore.session.Session()
SERVICES = ("dynamodb", "ssm")
PARAMETERS: dict[str, dict[str, Any]] = {"dynamodb": {"TableName": "A", "Item": {}}, "ssm": {"Names": ["A"]}}
visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_slowest_calls_fit_into_the_gateways_time() -> None:
    # The last call begins SLOWEST_CALL before the end, so there has to be time for some before.
    assert GATEWAY_TIMEOUT - SLOWEST_CALL >= SLOWEST_CALL


def test_no_attempt_begins_that_might_end_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    client = Client("dynamodb", "us-east-1")

    def slow(*_: Any) -> dict[str, Any]:
        clock[0] += 2 * runtime.aws._CONNECT_TIMEOUT + 2
        raise AwsError("ThrottlingException")

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    monkeypatch.setattr(random, "random", lambda: 1.0)
    monkeypatch.setattr(client, "_try", slow)
    with pytest.raises(AwsError):
        client.put_item(TableName="A")
    assert clock[0] <= SLOWEST_CALL


@given(
    keys=st.tuples(visible, visible, st.just("") | visible),
    region=st.from_regex(r"[a-z]{2}-[a-z]{4,9}-[1-9]", fullmatch=True),
    service=st.sampled_from(SERVICES),
    target=visible,
    body=st.binary(),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
)
@settings(deadline=None)
def test_signatures_are_botocores(
    keys: tuple[str, str, str], region: str, service: str, target: str, body: bytes, at: datetime
) -> None:
    headers = {"content-type": "application/x-amz-json-1.0", "host": f"{service}.{region}.amazonaws.com"}
    headers["x-amz-date"] = f"{at:%Y%m%dT%H%M%SZ}"
    if keys[2]:
        headers["x-amz-security-token"] = keys[2]
    headers["x-amz-target"] = target
    request = AWSRequest("POST", f"https://{headers['host']}/", headers, body)
    request.context["timestamp"] = headers["x-amz-date"]
    credentials = botocore.session.Session()
    credentials.set_credentials(*keys)
    signer = botocore.auth.SigV4Auth(credentials.get_credentials(), service, region)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    expected = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, "
        f"SignedHeaders={';'.join(headers)}, Signature={signature}"
    )
    assert sign(Credentials(*keys), region, service, headers, body) == expected


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fips", [True, False])
@pytest.mark.parametrize("dual_stack", [True, False])
def test_endpoints_are_botocores(
    monkeypatch: pytest.MonkeyPatch, service: str, fips: bool, dual_stack: bool
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", str(fips).lower())
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", str(dual_stack).lower())
    loader = SESSION.get_component("data_loader")
    rules = loader.load_service_model(service, "endpoint-rule-set-1")
    partitions = loader.load_data("partitions")
    provider = EndpointProvider(rules, partitions)
    regions = [region for partition in partitions["partitions"] for region in partition["regions"]]
    regions = [region for region in regions if not region.endswith("-global")]
    assert len(partitions["partitions"]) == 8
    for region in regions:
        resolved = provider.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack)
        assert endpoint(service, region) == resolved.url


def test_an_endpoint_of_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:2")
    assert endpoint("dynamodb", "us-east-1") == "http://127.0.0.1:1"
    assert endpoint("ssm", "us-east-1") == "http://127.0.0.1:2"


def test_amazons_certificates_are_trusted() -> None:
    """The five that https://www.amazontrust.com/repository recommends, and DigiCert's, as botocore has them."""
    stock, ours = (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2))
    stock.load_verify_locations(Path(botocore.__file__).with_name("cacert.pem"))
    ours.load_verify_locations(Path(runtime.aws.__file__).with_name("roots.pem"))
    wanted = re.compile(r"Amazon Root CA|Starfield Services Root .* - G2|'DigiCert Inc'")
    expected = [root for root in stock.get_ca_certs() if wanted.search(str(root["subject"]))]
    assert len(expected) >= 5
    assert {str(root) for root in ours.get_ca_certs()} == {str(root) for root in expected}


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
    with Aws() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


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
    service=st.sampled_from(SERVICES),
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
