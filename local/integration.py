"""What the local REST API and the local HTTP API share: integrations with functions, throttling, and the log."""

import json
import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from werkzeug.wrappers import Response

from local.aws import client
from local.function import Function, Invocation
from local.server import HttpRequest, Server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: What an account has where a stage sets nothing, and the bytes of a request's body;
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
ACCOUNT_RATE, ACCOUNT_BURST, BODY_LIMIT = 10_000, 5_000, 10 * 1024 * 1024
#: Integrations that run at the same time; more wait.
CONCURRENCY = 32


class UnsupportedApiError(Exception):
    """The deployed API needs something that the local gateway does not have."""


class MalformedAnswerError(Exception):
    """What the function returned is no answer for a client."""


def refuse_unless(what: str, name: str, value: object, known: object) -> None:
    """Raise UnsupportedApiError if a part of an API has another value than the one that is served here."""
    if value != known:
        raise UnsupportedApiError(
            f"The local gateway cannot serve {what}: its {name} is {value!r}, and only {known!r} is supported."
        )


@dataclass
class TokenBucket:
    """API Gateway's throttling: a steady rate of requests per second, and a burst of saved-up ones."""

    rate: float
    burst: int
    _tokens: float = field(init=False)
    _at: float = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._tokens, self._at = self.burst, time.monotonic()

    def take(self) -> bool:
        """Take one request's token, if there is one."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


@dataclass(frozen=True)
class Integration:
    """A function behind a route."""

    function: Function
    permitted: bool
    """Whether the function's policy lets this route invoke it."""
    timeout: float
    """Seconds."""

    def invoke(self, event: object, request: HttpRequest, workers: ThreadPoolExecutor) -> Invocation:
        """What the function returns for an event of the request.

        Raises:
            PermissionError: the gateway may not invoke the function.
            TimeoutError: it takes longer than the integration may take.
            ThrottledError, PayloadTooLargeError: as `Function.invoke`.
            MalformedAnswerError: it failed.
        """
        if not self.permitted:
            raise PermissionError(f"API Gateway has no permission to invoke {self.function.name}")
        running = workers.submit(self.function.invoke, event, trace=request.trace)
        try:
            invocation = running.result(self.timeout)
        except TimeoutError as error:
            raise TimeoutError(f"{self.function.name} takes longer than {self.timeout:g} s") from error
        request.cold = invocation.cold
        if invocation.error:
            raise MalformedAnswerError(invocation.payload["errorMessage"])
        return invocation


class IntegrationReader:
    """Reads which functions a deployed API integrates.

    Args:
        functions: those that run here, by name.
        scope: of the API in the functions' policies, for example ``a1b2c3/dev``.
        most_ms: milliseconds that an integration may take if it does not say.
    """

    def __init__(
        self, functions: Mapping[str, Function], *, endpoint: str, region: str, scope: str, most_ms: int
    ) -> None:
        self._functions = functions
        lambda_ = client("lambda", endpoint, region)
        self._sources = {name: _permitted_sources(lambda_, name) for name in functions}
        self._region, self._scope, self._most_ms = region, scope, most_ms

    def read(self, what: str, uri: str, milliseconds: int | None, path: str) -> Integration:
        """The integration of a route.

        Args:
            what: the route, for a failure's sentence.
            uri: the integration's.
            milliseconds: that it may take.
            path: of the route in the functions' policies, for example ``GET/status``.

        Raises:
            LookupError: it integrates a function that does not run here.
        """
        name = re.sub(r".*:function:([^:/]+).*", r"\1", uri)
        if name not in self._functions:
            raise LookupError(f"{what} integrates {name}, which is not among the functions.")
        function = self._functions[name]
        _, partition, _, _, account, *_ = function.arn.split(":")
        source = f"arn:{partition}:execute-api:{self._region}:{account}:{self._scope}/{path}"
        permitted = any(fnmatchcase(source, pattern) for pattern in self._sources[name])
        return Integration(function, permitted, int(milliseconds or self._most_ms) / 1000)


def only_one(found: list[dict[str, Any]], kind: str, name: str, region: str) -> dict[str, Any]:
    """The API with this name. Raises LookupError unless there is exactly one."""
    if len(found) != 1:
        raise LookupError(f"There are {len(found)} {kind} APIs named {name} in {region}, not one.")
    return found[0]


class ApiServer(Server, ABC):
    """Serves a deployed API while the context lasts.

    Args:
        api_name: the API's name, which must be unique in its region.
        endpoint: base URL of the embedded AWS.
        region: the API's region, for which requests are signed.
        functions: the functions that the API integrates, by name.
        port: the port to listen on; 0 for a free one.
        log: gets a line for each request: method, path, status, ms, whether a process was started for it, and
            why it failed if that is the API's or a function's fault.

    Raises:
        local.server.PortTakenError: another program listens on the port.
        LookupError: there is no such API, stage or function.
        UnsupportedApiError: the API has what is not served here.
    """

    def __init__(
        self,
        api_name: str,
        *,
        endpoint: str,
        region: str,
        functions: Mapping[str, Function],
        port: int = 0,
        log: Callable[[str], None] = print,
    ) -> None:
        self._api_name = api_name
        self._endpoint, self._region, self._functions = endpoint, region, functions
        self._log = log
        self.read()
        self._workers = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="integration")
        super().__init__(self._serve, port)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._workers.shutdown(wait=False, cancel_futures=True)

    @abstractmethod
    def read(self) -> None:
        """Read the API as it is deployed now, which is what is served from the next request on."""

    @abstractmethod
    def answer(self, request: HttpRequest) -> Response:
        """What the client gets."""

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        started = time.monotonic()
        request = HttpRequest.read(environ, BODY_LIMIT)
        response = self.answer(request)
        line = f"{request.method} {request.path} {response.status_code}"
        line += f" {(time.monotonic() - started) * 1000:.0f} ms{' cold' if request.cold else ''}"
        self._log(f"{line}: {request.fault}" if request.fault else line)
        return response(environ, start_response)


def _permitted_sources(lambda_: Any, function: str) -> list[str]:
    """ARN patterns of the API methods that a function's policy lets invoke it."""
    try:
        policy = json.loads(lambda_.get_policy(FunctionName=function)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return []
    return [
        statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*")
        for statement in policy["Statement"]
        if statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
        and statement["Action"] == "lambda:InvokeFunction"
    ]
