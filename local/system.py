"""The deployed functions and APIs, as they run on this machine."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from local.function import Function, HandlerError
from local.gateway import Gateway
from local.http_api import HttpGateway
from local.invoke import InvokeApi
from local.schedule import Ticker
from local.stream import StreamPoller
from local.terminal import Terminal
from stacks.package import build, sources

#: The functions' packages, by the middle of their names.
PACKAGES = {
    "processor": "tracking",
    "projector": "projector",
    "notifier": "notifier",
    "deadlines": "deadlines",
    "public": "public",
}
#: Of those, the ones that streams are mapped to, and the one that a schedule starts.
MAPPED, SCHEDULED = ("projector", "notifier"), "deadlines"


class System:
    """Everything of an environment that is deployed, served while the context lasts.

    Args:
        environment: its name.
        endpoint: base URL of the embedded AWS.
        region: where it is deployed.
        port: of the tracking API.
        public_port: of the public API.
        sweep_seconds: how often the scheduled function starts, if not as its schedule says.
        terminal: gets a line for each request, and what the functions' logs have for a person.

    Raises:
        LookupError, local.integration.UnsupportedApiError, StaleCodeError: what is deployed cannot be served.
        local.server.PortTakenError: another program listens there.
    """

    def __init__(
        self,
        environment: str,
        *,
        endpoint: str,
        region: str,
        port: int,
        public_port: int,
        terminal: Terminal,
        sweep_seconds: float | None = None,
    ) -> None:
        self._open = ExitStack()
        place: Any = {"endpoint": endpoint, "region": region}
        with ExitStack() as opened:
            self._functions: Mapping[str, Function] = {
                package: opened.enter_context(
                    Function(
                        name := f"tracking-{middle}-{environment}",
                        package=build(package),
                        log=terminal.function_log(name),
                        **place,
                    )
                )
                for middle, package in PACKAGES.items()
            }
            self._sources = {package: sources(package) for package in self._functions}
            functions = {function.name: function for function in self._functions.values()}
            mapped = [self._functions[package] for package in MAPPED]
            self.invoke = InvokeApi(
                {function.name: function for function in (*mapped, self._functions[SCHEDULED])}
            )
            self.ticker = Ticker(self._functions[SCHEDULED], seconds=sweep_seconds, **place)
            self._pollers = [StreamPoller(function, log=terminal.say, **place) for function in mapped]
            self.tracking = Gateway(
                f"tracking-api-{environment}",
                environment,
                functions=functions,
                port=port,
                log=terminal.say,
                **place,
            )
            self.public = HttpGateway(
                f"tracking-public-{environment}",
                functions=functions,
                port=public_port,
                log=terminal.say,
                **place,
            )
            for poller in self._pollers:
                opened.enter_context(poller)
            opened.enter_context(self.ticker)
            for server in (self.invoke, self.tracking, self.public):
                opened.enter_context(server)
            self._open = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def read(self) -> None:
        """Serves what is deployed now, with the packages that belong to it. Raises as the constructor does."""
        for package, function in self._functions.items():
            function.load(build(package))
            self._sources[package] = sources(package)
        for poller in self._pollers:
            poller.read()
        self.ticker.read()
        self.tracking.read()
        self.public.read()

    def reload(self) -> Iterator[str]:
        """Replaces the code of the functions whose sources have changed, and says so in a line for each.

        A function whose code cannot be loaded goes on with the code that it has.
        """
        started = time.monotonic()
        changed = {}
        for package in self._functions:
            if (found := sources(package)) != self._sources[package]:
                changed[package] = self._sources[package] = found
        faults = {
            fault for files in changed.values() for name in files if (fault := _syntax_error(name, files))
        }
        if faults:
            yield from (f"{fault}; the code before it goes on serving." for fault in sorted(faults))
            return
        with ThreadPoolExecutor(len(PACKAGES)) as pool:
            reloads = {
                self._functions[package].name: pool.submit(self._functions[package].reload, files)
                for package, files in changed.items()
            }
        for name, reload in reloads.items():
            try:
                reload.result()
                yield f"Replaced the code of {name} in {time.monotonic() - started:.1f} s."
            except HandlerError as error:
                yield f"{name}: {error}; the code before it goes on serving."


def _syntax_error(name: str, files: Mapping[str, bytes]) -> str:
    """Where a source is not Python, and why; empty if it is."""
    if name.endswith(".py"):
        try:
            compile(files[name], name, "exec", dont_inherit=True)
        except SyntaxError as error:
            return f"lambda/{name}:{error.lineno}: {error.msg}"
        except ValueError as error:  # a null byte
            return f"lambda/{name}: {error}"
    return ""
