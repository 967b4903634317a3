"""Lambda's Invoke API for the functions that run on this machine; the embedded AWS itself runs none."""

import json
import re
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import unquote

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from local.aws import LOOPBACK
from local.function import Function


class InvokeApi:
    """Answers Invoke for functions, and nothing else, while the context lasts.

    boto3 and the AWS command line use it when AWS_ENDPOINT_URL_LAMBDA names it. Signatures are not checked, and
    every invocation is waited for.

    Args:
        functions: by name.
    """

    url: str

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = functions
        self._server = make_server(
            LOOPBACK, 0, Request.application(self._answer), threaded=True, request_handler=_Handler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()

    def _answer(self, request: Request) -> Response:
        path = re.fullmatch(
            r"/2015-03-31/functions/(?:.*:function:)?([^:]+).*/invocations", unquote(request.path)
        )
        function = self._functions.get(path[1]) if path else None
        if function is None:
            error = {"Message": f"{request.path} is not served here", "Type": "User"}
            return Response(
                json.dumps(error),
                404,
                {"x-amzn-ErrorType": "ResourceNotFoundException"},
                mimetype="application/json",
            )
        invocation = function.invoke(json.loads(request.get_data() or b"{}"))
        headers = {"x-amzn-RequestId": invocation.request_id}
        if invocation.error:
            headers["X-Amz-Function-Error"] = invocation.error
        return Response(json.dumps(invocation.payload), headers=headers, mimetype="application/json")


class _Handler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The function's log tells what it was asked."""
