"""The deployed functions and APIs, as they run on this machine."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from local.aws import client
from local.function import Function, HandlerError
from local.gateway import Gateway
from local.http_api import HttpGateway
from local.invoke import InvokeApi
from local.poller import Poller
from local.queue import QueuePoller
from local.schedule import Ticker, scheduled_functions
from local.stream import StreamPoller
from local.terminal import Terminal
from stacks.package import build, sources


class System:
    """Everything of an environment that is deployed, served while the context lasts.

    Args:
        environment: its name.
        endpoint: base URL of the embedded AWS.
        region: where it is deployed.
        port: of the tracking API.
        public_port: of the public API.
        partners_port: of the partners' API, or None if there is none.
        sweep_seconds: how often a scheduled function starts, if not as its schedule says.
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
        partners_port: int | None,
        terminal: Terminal,
        sweep_seconds: float | None = None,
    ) -> None:
        self._open = ExitStack()
        place: Any = {"endpoint": endpoint, "region": region}
        with ExitStack() as opened:
            self._functions: Mapping[str, Function] = {
                package: opened.enter_context(
                    Function(name, package=build(package), log=terminal.function_log(name), **place)
                )
                for package, name in _packages(environment, **place).items()
            }
            self._sources = {package: sources(package) for package in self._functions}
            functions = {function.name: function for function in self._functions.values()}
            scheduled = scheduled_functions(**place)
            kinds: tuple[type[Poller], ...] = (StreamPoller, QueuePoller)
            fed = {kind: kind.fed(**place) for kind in kinds}
            self._pollers = [
                kind(function, log=terminal.say, **place)
                for kind in kinds
                for function in functions.values()
                if function.arn in fed[kind]
            ]
            #: What starts functions, by their packages.
            self.tickers = {
                package: Ticker(function, seconds=sweep_seconds, **place)
                for package, function in self._functions.items()
                if function.arn in scheduled
            }
            self.invoke = InvokeApi(functions)
            self.tracking = Gateway(
                f"tracking-api-{environment}",
                environment,
                functions=functions,
                port=port,
                log=terminal.say,
                **place,
            )

            def http_api(name: str, port: int) -> HttpGateway:
                return HttpGateway(
                    f"tracking-{name}-{environment}",
                    functions=functions,
                    port=port,
                    log=terminal.say,
                    **place,
                )

            self.public = http_api("public", public_port)
            self.partners = http_api("partners", partners_port) if partners_port is not None else None
            self._apis = [api for api in (self.tracking, self.public, self.partners) if api]
            for part in (*self._pollers, *self.tickers.values(), self.invoke, *self._apis):
                opened.enter_context(part)
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
        for part in (*self._pollers, *self.tickers.values(), *self._apis):
            part.read()

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
        with ThreadPoolExecutor(len(self._functions)) as pool:
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


def _packages(environment: str, *, endpoint: str, region: str) -> dict[str, str]:
    """The deployed functions of an environment by their packages."""
    pages = client("lambda", endpoint, region).get_paginator("list_functions").paginate()
    return {
        function["Handler"].partition(".")[0]: function["FunctionName"]
        for page in pages
        for function in page["Functions"]
        if function["FunctionName"].endswith(f"-{environment}")
    }


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
