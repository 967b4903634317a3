"""What a webhook and its receiver share: a secret that signs what is sent, or the token with which a feed is read.

Signatures are those of Standard Webhooks (https://www.standardwebhooks.com).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

#: How long the one before the newest is still good for, in ms.
OVERLAP: Final = 24 * 3600 * 1000

_PREFIX = "whsec_"
_BYTES = 32


class Secret(NamedTuple):
    """A secret, or the hash of a token."""

    value: str
    until: int | None = None
    """ms since the epoch; None for the newest."""

    def holds(self, now: int) -> bool:
        """Whether it is good at `now`, in ms since the epoch."""
        return self.until is None or now < self.until


def make_secret() -> str:
    """A new one that signs."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def make_token(webhook: str) -> str:
    """A new one that reads the feed of a webhook, whose id is before the point."""
    return f"{webhook}.{secrets.token_urlsafe(_BYTES)}"


def hash_token(token: str) -> str:
    """What is kept of a token; it has too many random bits to be guessed from that."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def renewed(known: Iterable[Secret], value: str, now: int) -> list[Secret]:
    """A new one and the newest of the known ones, which ends a day after `now`, in ms since the epoch."""
    return [
        Secret(value),
        *(secret._replace(until=now + OVERLAP) for secret in known if secret.until is None),
    ]


def is_token(token: str, known: Iterable[Secret], now: int) -> bool:
    """Whether `token` is good at `now`; takes the same time whatever it is."""
    digest = hash_token(token)
    return any([hmac.compare_digest(digest, secret.value) for secret in known if secret.holds(now)])  # noqa: C419


def signed(id: str, body: bytes, known: Iterable[Secret], now: int) -> dict[str, str]:
    """The headers of a message sent at `now`, in ms since the epoch: with a signature for each good secret."""
    second = now // 1000
    content = f"{id}.{second}.".encode() + body
    keys: Any = (
        base64.b64decode(secret.value.removeprefix(_PREFIX)) for secret in known if secret.holds(now)
    )
    signatures = (base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(second),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
