"""Serves a deployed REST API on a port of this machine."""

from collections.abc import Callable, Mapping
from types import TracebackType

from local.deployed import read
from local.function import Function
from local.rest_api import RestApi
from local.server import Server


class Gateway(Server):
    """A deployed REST API, served while the context lasts.

    The API is read once, when this object is made: after another deployment make another one.

    Args:
        api_name: the API's name, which must be unique in its region.
        stage: the name of the stage to serve.
        endpoint: base URL of the embedded AWS.
        region: the API's region, for which requests must be signed.
        functions: the functions that the API integrates, by name.
        port: the port to listen on; 0 for a free one.
        log: gets a line for each answer that is the API's or a function's fault.

    Raises:
        PortTakenError: another program listens on the port.
        LookupError: there is no such API, stage or function.
        local.deployed.UnsupportedApiError: the API has what this gateway cannot do.
    """

    url: str
    """Where the stage is, for example ``http://127.0.0.1:8080/dev``."""

    def __init__(
        self,
        api_name: str,
        stage: str,
        *,
        endpoint: str,
        region: str,
        functions: Mapping[str, Function],
        port: int = 0,
        log: Callable[[str], None] = print,
    ) -> None:
        self._api = RestApi(read(api_name, stage, endpoint=endpoint, region=region, functions=functions), log)
        super().__init__(self._api, port)
        self.url = f"{self.url}/{stage}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._api.close()
