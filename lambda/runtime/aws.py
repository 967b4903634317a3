"""A client for DynamoDB and Parameter Store over the standard library alone; docs/decisions says why."""

import hashlib
import hmac
import io
import json
import random
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import datetime
from functools import cache, partial, reduce
from os import environ
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

#: Seconds that one call takes at most; no attempt begins that might end later.
SLOWEST_CALL: Final = 12.0
#: Seconds to connect, and as long for TLS.
_CONNECT_TIMEOUT, _PORTS = 1, {"http": 80, "https": 443}
#: By service: target, version of its JSON, seconds of the first wait, which doubles.
_SERVICES = {"dynamodb": ("DynamoDB_20120810", "1.0", 0.025), "ssm": ("AmazonSSM", "1.1", 0.05)}
#: What a partition's regions start with, and its domains: for IPv4, and for both versions.
_PARTITIONS = (
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("", "amazonaws.com", "api.aws"),
)
# What botocore's standard mode retries, and how it limits retries: all of them together to a quota.
_THROTTLES = frozenset(
    "BandwidthLimitExceeded EC2ThrottledException LimitExceededException PriorRequestNotComplete"  # noqa: SIM905
    " ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled RequestThrottledException"
    " SlowDown ThrottledException Throttling ThrottlingException TooManyRequestsException"
    " TransactionInProgressException".split()
)
_TRANSIENT = {"RequestTimeout", "RequestTimeoutException", "ReplicatedWriteConflictException"}
_QUOTA, _COST, _THROTTLED_COST, _THROTTLED_WAIT = 500, 14, 5, 1


class AwsError(Exception):
    """A call failed, with the service's error `code` and answer, or without an answer, as `__cause__` says."""

    def __init__(self, code: str, status: int = 503, body: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code, self.body = code, body or {}
        self.message = str(self.body.get("message") or self.body.get("Message") or "")
        self.throttled = code in _THROTTLES or status == 429
        self.retryable = self.throttled or code in _TRANSIENT or status in (500, 502, 503, 504)


class Credentials(NamedTuple):
    """Credentials of AWS; they expire in seconds since the epoch."""

    key_id: str
    secret: str
    token: str = ""
    expires: float = float("inf")


class Client:
    """Calls "dynamodb" or "ssm", for many threads: `put_item(TableName=...)` is `call("PutItem", TableName=...)`.

    Endpoints and retries are botocore's, credentials Lambda's. `read_timeout` is for a whole answer, in seconds.
    """

    #: The context that a call runs in, by the service, the operation and the parameters.
    trace: Callable[[str, str, dict[str, Any]], Any] = staticmethod(lambda *_: nullcontext())

    def __init__(self, service: str, region: str, *, read_timeout: float = 2, attempts: int = 3) -> None:
        self._service, self._region = service, region
        self._read_timeout, self._attempts = read_timeout, attempts
        self._url = urlsplit(endpoint(service, region))
        self._idle: list[socket.socket] = []
        self._credentials, self._quota = Credentials("", "", expires=0), _QUOTA

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self.call, name.title().replace("_", ""))

    def __del__(self) -> None:
        while connection := self._take_idle():
            connection.close()

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """What the service answers. Raises AwsError."""
        body, until = json.dumps(parameters).encode(), time.monotonic() + SLOWEST_CALL
        attempt, cost = 0, 1
        with self.trace(self._service, operation, parameters):
            while True:
                attempt += 1
                try:
                    answer = self._try(operation, body)
                    self._quota = min(_QUOTA, self._quota + cost)
                    return answer
                except AwsError as error:
                    cost = _THROTTLED_COST if error.throttled else _COST
                    first = _THROTTLED_WAIT if error.throttled else _SERVICES[self._service][2]
                    wait = random.random() * first * 2 ** (attempt - 1)  # noqa: S311
                    late = time.monotonic() + wait + 2 * _CONNECT_TIMEOUT + self._read_timeout > until
                    if not error.retryable or attempt == self._attempts or cost > self._quota or late:
                        raise
                    self._quota -= cost
                time.sleep(wait)

    def _try(self, operation: str, body: bytes) -> dict[str, Any]:
        connection, stays = None, False
        try:
            if time.time() > self._credentials.expires - 600:  # as early as botocore
                self._credentials = read_credentials(self._credentials)
            connection = self._take_idle() or _connect(self._url)
            message = self._message(operation, body)
            status, content, stays = _exchange(connection, message, self._read_timeout)
            answer: dict[str, Any] = json.loads(content) if content.startswith(b"{") else {}
        except (OSError, LookupError, ValueError) as error:
            raise AwsError(type(error).__name__) from error
        finally:
            if connection and stays:
                self._idle.append(connection)
            else:  # after a pause of the function all others are as dead, and a call has but few attempts
                self.__del__()
                if connection:
                    connection.close()
        if status != 200:
            code = str(answer.get("__type") or answer.get("code") or status)
            raise AwsError(code.rpartition("#")[2].partition(":")[0], status, answer)
        return answer

    def _message(self, operation: str, body: bytes) -> bytes:
        target, version, _ = _SERVICES[self._service]
        headers = {
            "content-type": f"application/x-amz-json-{version}",
            "host": self._url.netloc.lower().removesuffix(f":{_PORTS[self._url.scheme]}"),
            "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            **({"x-amz-security-token": self._credentials.token} if self._credentials.token else {}),
            "x-amz-target": f"{target}.{operation}",
        }
        headers["authorization"] = sign(self._credentials, self._region, self._service, headers, body)
        return _request("POST", "/", headers, body)

    def _take_idle(self) -> socket.socket | None:
        with suppress(IndexError):  # there is none, perhaps because another thread was faster
            while connection := self._idle.pop():
                # There is nothing to read before a request, but for the end.
                if not select.select([connection], [], [], 0)[0]:
                    return connection
                connection.close()
        return None


def sign(credentials: Credentials, region: str, service: str, headers: dict[str, str], body: bytes) -> str:
    """The signature (version 4) of a POST to /; `headers` are sorted, and in lower case."""
    names, stamp = ";".join(headers), headers["x-amz-date"]
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    secret, parts = b"AWS4" + credentials.secret.encode(), [*scope.split("/"), text]
    signature = reduce(lambda key, part: hmac.digest(key, part.encode(), "sha256"), parts, secret).hex()
    return f"AWS4-HMAC-SHA256 Credential={credentials.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def endpoint(service: str, region: str) -> str:
    """Where a service is, or where the environment says that it is."""
    if url := environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environ.get("AWS_ENDPOINT_URL"):
        return url
    chosen = (environ.get(f"AWS_USE_{name}_ENDPOINT", "") for name in ("FIPS", "DUALSTACK"))
    fips, dual = (value.lower() == "true" for value in chosen)
    domains = next(domains for start, *domains in _PARTITIONS if region.startswith(start))
    # There the usual endpoints are FIPS's.
    suffix = "-fips" if fips and (dual or not region.startswith("us-gov-")) else ""
    return f"https://{service}{suffix}.{region}.{domains[dual]}"


def read_credentials(last: Credentials) -> Credentials:
    """Those of the environment, or else of its endpoint; while that fails, the last ones. Raises OSError."""
    if key_id := environ.get("AWS_ACCESS_KEY_ID"):
        return Credentials(key_id, environ["AWS_SECRET_ACCESS_KEY"], environ.get("AWS_SESSION_TOKEN", ""))
    url = urlsplit(environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    headers = {"host": url.netloc, "authorization": environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")}
    try:
        with _connect(url) as connection:
            message = _request("GET", url._replace(scheme="", netloc="").geturl(), headers)
            answer = json.loads(_exchange(connection, message, _CONNECT_TIMEOUT)[1])
        expires = datetime.fromisoformat(answer["Expiration"]).timestamp()
        return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["Token"], expires)
    except (OSError, LookupError, ValueError):
        if last.expires > time.time():
            return last
        raise


def _connect(url: SplitResult) -> socket.socket:
    connection = socket.create_connection((url.hostname, url.port or _PORTS[url.scheme]), _CONNECT_TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tls = _tls_context(environ.get("AWS_CA_BUNDLE")) if url.scheme == "https" else None
    return tls.wrap_socket(connection, server_hostname=url.hostname) if tls else connection


@cache
def _tls_context(certificates: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates or Path(__file__).with_name("roots.pem"))


def _request(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    lines += ["user-agent: shipment-tracking", f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class _Stream(socket.SocketIO):
    """What comes over a connection `until` a moment, however slowly."""

    connection: socket.socket
    until: float

    def readinto(self, buffer: Any) -> int | None:
        self.connection.settimeout(max(self.until - time.monotonic(), 0.001))
        return super().readinto(buffer)


def _exchange(connection: socket.socket, message: bytes, seconds: float) -> tuple[int, bytes, bool]:
    """The status and the body of an answer, and whether the connection stays open."""
    stream = io.BufferedReader(source := _Stream(connection, "r"))
    source.connection, source.until = connection, time.monotonic() + seconds
    connection.settimeout(seconds)
    connection.sendall(message)
    version, status, *_ = stream.readline().split(b" ")
    lines = iter(lambda: stream.readline().strip().lower(), b"")
    headers = {name: value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    if headers.get(b"transfer-encoding") == b"chunked":
        body = b""
        while size := int(stream.readline().partition(b";")[0], 16):
            body += stream.read(size + 2)[:size]
        stream.readline()
    else:
        body = stream.read(length := int(headers[b"content-length"]))
        if len(body) < length:
            raise ConnectionError("the answer is cut short")
    return int(status), body, version == b"HTTP/1.1" and headers.get(b"connection") != b"close"
