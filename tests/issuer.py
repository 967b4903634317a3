"""An issuer of JWTs on a port of this machine, with what OpenID Connect Discovery asks for."""

import base64
import hmac
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

    def bad_tokens(self, another: "Issuer", **claims: Any) -> dict[str, str | None]:
        """Those that nobody may take for this one's, by what is wrong; None is no token at all."""

        def token(**options: Any) -> str:
            return self.token(**{**claims, **options})

        now = int(time.time())
        good = token()
        return {
            "of another source": another.token(**claims),
            "of another issuer": token(iss=f"{self.url}/"),
            "without an issuer": token(iss=None),
            "for another audience": token(aud="someone"),
            "for another audience, of a known client": token(aud="someone", client_id=AUDIENCE),
            "for nobody": token(aud=None),
            "expired": token(exp=now - 1),
            "without an end": token(exp=None),
            "not yet valid": token(nbf=now + 60),
            "issued later": token(iat=now + 60),
            "of an unknown key": token(header={"kid": "two"}),
            "of an unnamed key": token(header={"kid": None}),
            "of another key": token(key=RSAKey.generate_key(2048)),
            "by RSA-PSS": token(header={"alg": "PS256"}),
            "not signed": self._by_hand("none", None, claims),
            "signed with the public key": self._by_hand("HS256", self.key.as_pem(private=False), claims),
            "changed": good.replace(good.split(".")[1], token(sub="me").split(".")[1]),
            "of another scheme": f"Basic {good}",
            "garbage": "a.b.c",
            "empty": "",
            "missing": None,
        }

    def _by_hand(self, alg: str, key: bytes | None, claims: dict[str, Any]) -> str:
        """A token that the library would not sign."""
        header = {"alg": alg, "kid": "one"}
        parts = [json.dumps(part).encode() for part in (header, self.claims(**claims))]
        content = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        signature = hmac.digest(key, content, "sha256") if key else b""
        return f"{content.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

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
