"""A request to an HTTP API of which API Gateway knows every route, and the answer to it."""

import json
from collections.abc import Mapping
from typing import Any

from web import request
from web.request import as_dict, as_str


class Request(request.Request):
    """An HTTP API's proxy event, payload format 2.0."""

    def __init__(self, event: Any, context: Any) -> None:
        super().__init__(event, context)
        #: The key of the route that took it, as in ``GET /changes``.
        self.route = as_str(self._event.get("routeKey"))
        #: What stands in the path where the route has a name in braces.
        self.path_parameters = as_dict(self._event.get("pathParameters"))
        authorizer = as_dict(self._gateway.get("authorizer"))
        #: Those of the JWT that API Gateway has checked, if the route asks for one.
        self.jwt_claims = as_dict(as_dict(authorizer.get("jwt")).get("claims"))

    def answer(
        self, status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """What the function returns."""
        return {
            "statusCode": status,
            "headers": {"Content-Type": "application/json", "X-Request-Id": self.id, **(headers or {})},
            "body": json.dumps(body),
            "isBase64Encoded": False,
        }
