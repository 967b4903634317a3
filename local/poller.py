"""What stands in for Lambda's event source mappings, which the embedded AWS has and does not act on."""

import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, ClassVar, Self

from local.aws import client
from local.function import Function

Mapping = dict[str, Any]


class Poller:
    """Reads the sources of one kind that are mapped to a function, and invokes it, while the context lasts.

    The mappings are read back through the control plane, so what is tried out here are the deployed settings.

    Args:
        function: the function whose mappings these are.
        endpoint: base URL of the embedded AWS.
        region: the function's region.
        log: gets a line for each batch that is given up.
        poll_seconds: how often an idle source is asked.

    Raises:
        LookupError: no enabled mapping of this kind feeds the function.
    """

    #: The service in the ARN of a source.
    service: ClassVar[str]
    #: Batches of a source that are handled at once, if the source itself does not say.
    followers: ClassVar[int] = 1

    def __init__(
        self,
        function: Function,
        *,
        endpoint: str,
        region: str,
        log: Callable[[str], None] = print,
        poll_seconds: float = 1.0,
    ) -> None:
        self._lambda = client("lambda", endpoint, region)
        self._function = function
        self._mappings: dict[str, Mapping] = {}
        self.read()
        self._log = log
        self._poll_seconds = poll_seconds
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow, args=(source,), daemon=True)
            for source in self._mappings
            for _ in range(self.followers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish the invocation at hand, and stop."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def read(self) -> None:
        """Read the mappings as they are deployed now; a source goes on from where it was.

        Raises:
            LookupError: no enabled mapping of this kind feeds the function.
        """
        for mapping in self._enabled(self._lambda):
            if mapping["FunctionArn"] == self._function.arn:
                self._mappings[mapping["EventSourceArn"]] = mapping
        if not self._mappings:
            raise LookupError(f"No event source mapping feeds {self._function.name}.")

    @classmethod
    def fed(cls, *, endpoint: str, region: str) -> set[str]:
        """The ARNs of the functions to which such sources are mapped."""
        return {mapping["FunctionArn"] for mapping in cls._enabled(client("lambda", endpoint, region))}

    @classmethod
    def _enabled(cls, lambda_: Any) -> Iterator[Mapping]:
        for page in lambda_.get_paginator("list_event_source_mappings").paginate():
            for mapping in page["EventSourceMappings"]:
                if mapping["State"] == "Enabled" and mapping["EventSourceArn"].split(":")[2] == cls.service:
                    yield mapping

    def _follow(self, source: str) -> None:
        """Feeds a source to the function until `_stopped`."""
        raise NotImplementedError
