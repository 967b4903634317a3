"""A JWT authorizer of an HTTP API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from local.aws import LOOPBACK
from local.integration import refuse_unless
from local.server import HttpRequest

_ALGORITHMS = ("RS256", "RS384", "RS512")
#: Seconds in which the issuer has to answer;
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
_TIMEOUT = 1.5


class UnauthorizedError(Exception):
    """There is no token, or it is none of the issuer's for the audience, or not valid now."""


class ForbiddenError(Exception):
    """The token has none of the route's scopes."""


@dataclass(frozen=True)
class JwtAuthorizer:
    """What a route asks of a token.

    Args:
        audience: of which the token names one.
        scopes: of which it has one, if there are any.
    """

    issuer: str
    audience: Sequence[str]
    scopes: Sequence[str]

    @classmethod
    def read(cls, what: str, authorizer: Mapping[str, Any], scopes: Sequence[str]) -> "JwtAuthorizer":
        """The authorizer that API Gateway has described, of the route `what`. Raises UnsupportedApiError."""
        refuse_unless(what, "AuthorizerType", authorizer["AuthorizerType"], "JWT")
        header = ["$request.header.Authorization"]
        refuse_unless(what, "IdentitySource", authorizer["IdentitySource"], header)
        chosen = authorizer["JwtConfiguration"]
        refuse_unless(what, "JWT without an audience", not chosen.get("Audience"), False)
        issuer = urlsplit(chosen["Issuer"])
        safe = issuer.scheme == "https" or issuer.hostname in (LOOPBACK, "localhost")
        refuse_unless(what, "issuer without TLS", not safe, False)
        return cls(chosen["Issuer"], chosen["Audience"], scopes)

    def authorize(self, request: HttpRequest) -> dict[str, Any]:
        """What the function learns of the request's token. Raises UnauthorizedError, ForbiddenError."""
        text = (request.header("authorization") or "").removeprefix("Bearer ")
        try:
            keys = self._keys()
            claims = jwt.decode(
                text, lambda token: keys.get_by_kid(str(token.headers()["kid"])), _ALGORITHMS
            ).claims
            wanted: dict[str, jwt.ClaimsOption] = {
                "iss": {"essential": True, "value": self.issuer},
                "exp": {"essential": True},
                "aud" if "aud" in claims else "client_id": {"essential": True, "values": list(self.audience)},
            }
            jwt.JWTClaimsRegistry(None, 0, **wanted).validate(claims)
        # What is no token, key set or document of an issuer may fail in any of these ways.
        except (JoseError, requests.RequestException, KeyError, TypeError, ValueError) as error:
            raise UnauthorizedError(str(error)) from error
        given = claims.get("scope", claims.get("scp"))
        given = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
        if self.scopes and not any(scope in given for scope in self.scopes):
            raise ForbiddenError
        return {"claims": {name: _text(value) for name, value in claims.items()}, "scopes": given or None}

    def _keys(self) -> KeySet:
        """Those of the issuer now; API Gateway may remember them for two hours."""
        issuer = requests.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration", timeout=_TIMEOUT)
        return KeySet.import_key_set(requests.get(issuer.json()["jwks_uri"], timeout=_TIMEOUT).json())


def _text(claim: Any) -> str:
    """A claim as a function gets it."""
    if isinstance(claim, list):
        return f"[{' '.join(map(_text, claim))}]"
    return claim if isinstance(claim, str) else json.dumps(claim)
