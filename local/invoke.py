"""Lambda's Invoke API for the functions that run on this machine; the embedded AWS itself runs none."""

import json
import re
from collections.abc import Mapping
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from local.function import Function
from local.server import Server


class InvokeApi(Server):
    """Answers Invoke for functions, and nothing else, while the context lasts.

    boto3 and the AWS command line use it when AWS_ENDPOINT_URL_LAMBDA names it. Signatures are not checked, and
    every invocation is waited for.

    Args:
        functions: by name.
    """

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = functions
        super().__init__(Request.application(self._answer))

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
