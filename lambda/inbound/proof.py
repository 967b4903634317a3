"""How a sender proves that it shares a secret with us; stacks/mapping.schema.json says what may be asked of it.

A comparison takes as long wherever the texts differ.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

#: Signatures of a header that are looked at: a sender that changes its secret sends two.
_MAX_SIGNATURES: Final = 5

Headers = Mapping[str, str]


class NotProven(Exception):
    """The request does not prove who sent it."""


def check(proof: Mapping[str, Any], headers: Headers, body: bytes, secrets: Sequence[str], now: int) -> None:
    """Raises NotProven unless one of the secrets proves the request.

    Args:
        proof: what is asked of the sender.
        headers: by their names in lower case.
        body: as it was sent.
        secrets: those that are valid now.
        now: in ms since the epoch.
    """
    if not _KINDS[proof["kind"]](proof, headers, body, secrets, now):
        raise NotProven


def _hmac(proof: Mapping[str, Any], headers: Headers, body: bytes, secrets: Sequence[str], now: int) -> bool:
    if "timestamp" in proof and not _is_recent(proof, headers, now):
        return False
    text = headers.get(proof["header"], "")
    prefix = proof.get("prefix", "")
    parts = text.split() if proof.get("several") else [text]
    given = [part.removeprefix(prefix) for part in parts[:_MAX_SIGNATURES] if part.startswith(prefix)]
    content = _content(proof.get("content", "{body}"), headers, body)
    if content is None:
        return False
    keys = [key for secret in secrets if (key := _key(proof, secret))]
    digests = [hmac.digest(key, content, "sha256") for key in keys]
    if proof["encoding"] == "hex":
        expected, given = [digest.hex() for digest in digests], [signature.lower() for signature in given]
    else:
        expected = [base64.b64encode(digest).decode() for digest in digests]
    return _any_equal(expected, given)


def _is_recent(proof: Mapping[str, Any], headers: Headers, now: int) -> bool:
    text = headers.get(proof["timestamp"], "")
    sent = int(text) if re.fullmatch("[0-9]{1,12}", text) else 0
    return abs(now // 1000 - sent) <= int(proof["tolerance_seconds"])


def _content(template: str, headers: Headers, body: bytes) -> bytes | None:
    """What is signed: the template, with the body and the headers that it names; None without one of those."""
    content = b""
    for place, part in enumerate(re.split(r"\{([\w-]+)\}", template)):
        if place % 2 == 0:
            content += part.encode()
        elif part == "body":
            content += body
        elif part in headers:
            content += headers[part].encode(errors="replace")
        else:
            return None
    return content


def _key(proof: Mapping[str, Any], secret: str) -> bytes:
    """The key that is written so; empty if it is written wrong, which proves nobody."""
    if proof.get("secret") != "base64":
        return secret.encode()
    with suppress(binascii.Error):
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    return b""


def _token(proof: Mapping[str, Any], headers: Headers, body: bytes, secrets: Sequence[str], now: int) -> bool:
    text, prefix = headers.get(proof["header"], ""), proof.get("prefix", "")
    return text.startswith(prefix) and _any_equal(secrets, [text.removeprefix(prefix)])


def _basic(proof: Mapping[str, Any], headers: Headers, body: bytes, secrets: Sequence[str], now: int) -> bool:
    scheme, _, text = headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and _any_equal(secrets, [given])


def _any_equal(expected: Sequence[str], given: Sequence[str]) -> bool:
    return any(
        hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))
        for one in expected
        for other in given
    )


_KINDS: Final[Mapping[str, Callable[..., bool]]] = {"hmac-sha256": _hmac, "token": _token, "basic": _basic}
