"""Proofs that prove nothing, in every form that a source may have: none is let in, and none makes the function fail."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from inbound import mapping
from stacks.inbound_sources import mapping_names
from tests.senders import SECRET, Headers, Sender

BODY = b'{"tracking_id": "A"}'
KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
FORMS: dict[str, Mapping[str, Any]] = {
    **{name: mapping.load(name).proof for name in mapping_names()},
    "github": {
        "kind": "hmac-sha256",
        "header": "x-hub-signature-256",
        "prefix": "sha256=",
        "encoding": "hex",
    },
    "basic": {"kind": "basic", "header": "authorization", "prefix": "Basic "},
}


def key_of(form: Mapping[str, Any]) -> bytes:
    return KEY if form.get("secret") == "base64" else SECRET.encode()


def encoded(digest: bytes, encoding: str) -> str:
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def signed(
    form: Mapping[str, Any],
    *,
    body: bytes = BODY,
    key: bytes | None = None,
    digest: str = "sha256",
    at: str = "",
) -> Headers:
    """The headers that prove a body, in a form that signs."""
    headers = (
        {"webhook-id": "msg_1", "webhook-timestamp": at or str(int(time.time()))}
        if "timestamp" in form
        else {}
    )
    content = "".join(f"{value}." for value in headers.values()).encode() + body
    value = encoded(hmac.digest(key_of(form) if key is None else key, content, digest), form["encoding"])
    return {**headers, form["header"]: form.get("prefix", "") + value}


def good(form: Mapping[str, Any]) -> Headers:
    """The headers that prove BODY."""
    if form["kind"] == "hmac-sha256":
        return signed(form)
    secret = base64.b64encode(SECRET.encode()).decode() if form["kind"] == "basic" else SECRET
    return {form["header"]: form.get("prefix", "") + secret}


def odd_values(form: Mapping[str, Any]) -> Iterator[str]:
    """What may stand in the header of the proof, and is none."""
    prefix, text = form.get("prefix", ""), good(form)[form["header"]]
    bare = text.removeprefix(prefix)
    yield from (
        "",
        " ",
        "\x00",
        "\ud800",
        "ä",
        "null",
        "true",
        "0",
        "*",
        "%",
        ",",
        "{}",
        "[]",
        "' OR '1'='1",
        "{{7*7}}",
    )
    yield from (
        prefix.strip(),
        f"{prefix} ",
        f"{prefix}null",
        f"{prefix}\ud800",
        f"{prefix}ä",
        f"{prefix}\x00",
        f"{prefix}=",
    )
    yield from (
        "A" * 100_000,
        prefix + "A" * 100_000,
        f"{prefix}{'A' * len(bare)}",
        f"{prefix}{'0' * len(bare)}",
    )
    yield from (
        text[:-1],
        text + "A",
        text + text,
        f"{text},{text}",
        f"{text};",
        f'"{text}"',
        f"'{text}'",
        f"\x00{text}",
    )
    yield from (
        f"{prefix}x{bare}",
        prefix + bare[::-1],
        prefix + bare[1:],
        prefix + bare[:10],
        f"x{text}",
        f"{text}\x00",
    )
    yield from (
        prefix + "".join(chr(ord(char) + 0xFEE0) for char in bare),
        f"{prefix}{prefix}x{bare}",
        f"Digest:{text}",
    )
    yield prefix + base64.b64encode(bare.encode()).decode()
    yield prefix + hashlib.sha256(SECRET.encode()).hexdigest()
    if prefix:
        yield from (
            bare,
            prefix.upper() + "x" + bare,
            f"v2,{bare}",
            f"sha1={bare}",
            f"{prefix}{prefix}{bare}"[1:],
        )
    if form.get("encoding") != "hex":
        yield prefix + bare.swapcase()


def odd_signatures(form: Mapping[str, Any]) -> Iterator[Headers]:
    """Signatures of another key, of another content, by another function, or written otherwise."""
    for digest in ("md5", "sha1", "sha224", "sha384", "sha512", "sha3_256"):
        yield signed(form, digest=digest)
    other = SECRET.encode() if form.get("secret") == "base64" else KEY
    for key in (b"", b"\x00", other, key_of(form)[:-1], key_of(form) + b"\x01", b"whsec_", b"secret", BODY):
        yield signed(form, key=key)
    for body in (
        b"",
        BODY + b" ",
        b" " + BODY,
        BODY[:-1],
        BODY.upper(),
        BODY.decode().encode("utf-16"),
        b"{}",
        b"null",
    ):
        yield signed(form, body=body)
    text = signed(form)[form["header"]].removeprefix(form.get("prefix", ""))
    raw = bytes.fromhex(text) if form["encoding"] == "hex" else base64.b64decode(text)
    for value in (
        encoded(raw, "base64" if form["encoding"] == "hex" else "hex"),
        base64.b32encode(raw).decode(),
        base64.b85encode(raw).decode(),
        str(int.from_bytes(raw, "big")),
        raw.decode("latin-1"),
        hashlib.sha256(BODY).hexdigest(),
        base64.b64encode(hashlib.sha256(BODY).digest()).decode(),
    ):
        yield {**signed(form), form["header"]: form.get("prefix", "") + value}


def odd_times() -> Iterator[Headers]:
    """Signatures of Standard Webhooks that are right, but for the time or what else they sign."""
    form, now = FORMS["generic"], int(time.time())
    for at in (now - 310, now + 310, 0, -1, now * 1000, now * 10**9, 10**12 - 1, 10**400):
        yield signed(form, at=str(at))
    for text in (
        " ",
        "soon",
        f"{now}.0",
        f" {now}",
        f"{now} ",
        f"+{now}",
        hex(now),
        f"{now:_}",
        f"{now:,}",
        "1e9",
        "NaN",
    ):
        yield signed(form, at=text)
    headers = signed(form)
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        yield {other: value for other, value in headers.items() if other != name}
        yield {**headers, name: f"{headers[name]}1"}
    yield {**headers, "webhook-id": "msg_1." + headers["webhook-timestamp"], "webhook-timestamp": ""}


@pytest.fixture(scope="module")
def senders(environment: dict[str, str]) -> dict[str, Sender]:
    """One of each form."""

    def make(form: Mapping[str, Any]) -> Sender:
        proof = {name: form[name] for name in form if form["kind"] != "basic" or name == "kind"}
        return Sender.of(environment, "demo", {"mapping": "generic", "proof": proof})

    return {name: make(form) for name, form in FORMS.items()}


@pytest.mark.parametrize("name", FORMS)
def test_no_odd_proof_lets_anybody_in(senders: dict[str, Sender], name: str) -> None:
    form, sender = FORMS[name], senders[name]
    headers = [{**good(form), form["header"]: value} for value in odd_values(form)]
    if form["kind"] == "hmac-sha256":
        headers += odd_signatures(form)
    if "timestamp" in form:
        headers += odd_times()
    headers += [{}, *({f"x-{header}": value} for header, value in good(form).items())]
    assert [one for one in headers if sender.post(BODY, one).status != 401] == []
    assert sender.post(BODY, good(form)).status == 202
    assert len(headers) > 40


def test_the_proof_of_one_form_is_none_of_another(senders: dict[str, Sender]) -> None:
    for name, sender in senders.items():
        for other, form in FORMS.items():
            # Some sign in the same way, or have the same token in the same header.
            expected = 202 if form.items() == FORMS[name].items() else 401
            assert sender.post(BODY, good(form)).status == expected, (name, other)


@pytest.mark.parametrize(
    "source",
    [
        *(
            "",
            " ",
            "Demo",
            "demo ",
            " demo",
            "demo/",
            "/demo",
            "demo\x00",
            "demo\n",
            "%64emo",
            "demo%00",
            "d\u0435mo",
            "..",
            ".",
        ),
        *(
            "../demo",
            "demo/../demo",
            "*",
            "{source}",
            "__class__",
            "demo,demo",
            "demo;x",
            "demo?x",
            "null",
            "x" * 10_000,
            "\ud800",
        ),
    ],
)
def test_no_odd_source_is_one(senders: dict[str, Sender], source: str) -> None:
    assert senders["generic"].post(BODY, good(FORMS["generic"]), source).status == 404
