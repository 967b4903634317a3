"""An issuer of JWTs on a port of this machine, with what OpenID Connect Discovery asks for."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.serving import serving

AUDIENCE = "tracking"


class Issuer:
    """Signs tokens with a key that it publishes."""

    def __init__(self) -> None:
        self.url = ""
        self.key = RSAKey.generate_key(2048, {"kid": "one"})

    def token(self, *, header: dict[str, Any] | None = None, key: RSAKey | None = None, **claims: Any) -> str:
        """A token that is valid now, but for what is given; what is None is left out."""
        chosen = _given({"alg": "RS256", "kid": "one", **(header or {})})
        return jwt.encode(chosen, self.claims(**claims), key or self.key, [chosen["alg"]])

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Those of a token."""
        now = int(time.time())
        valid = {"iss": self.url, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 300}
        return _given({**valid, **claims})


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer that is served."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            documents: dict[str, Any] = {
                "/.well-known/openid-configuration": {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"},
                "/keys": {"keys": [issuer.key.as_dict(private=False)]},
            }
            self.send_response(200 if self.path in documents else 404)
            self.end_headers()
            self.wfile.write(json.dumps(documents.get(self.path)).encode())

        def log_message(self, *_: object) -> None:
            pass

    with serving(HTTPServer(("127.0.0.1", 0), Handler)) as issuer.url:
        yield issuer
