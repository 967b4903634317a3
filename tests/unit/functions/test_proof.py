"""The forms in which senders prove themselves, with the vectors that their vendors publish."""

import base64
import hmac
from typing import Any

import pytest

from inbound import mapping, proof

NOW = 1_731_705_121_000
STANDARD = mapping.load("generic").proof
#: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
GITHUB = {"kind": "hmac-sha256", "header": "x-hub-signature-256", "prefix": "sha256=", "encoding": "hex"}
BODY = b'{"a": 1}'


def is_proven(
    form: dict[str, Any], headers: dict[str, str], body: bytes, *secrets: str, now: int = NOW
) -> bool:
    try:
        proof.check(form, headers, body, secrets, now)
    except proof.NotProven:
        return False
    return True


def test_githubs_published_vector() -> None:
    headers = {
        "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    }
    secret = "It's a Secret to Everybody"
    assert is_proven(GITHUB, headers, b"Hello, World!", secret)
    assert not is_proven(GITHUB, headers, b"Hello, World?", secret)
    assert not is_proven(GITHUB, headers, b"Hello, World!", secret.lower())


def test_the_vector_of_standard_webhooks() -> None:
    body = b'{"event_type":"ping","data":{"success":true}}'
    headers = {
        "webhook-id": "msg_loFOjxBNrRLzqYUf",
        "webhook-timestamp": "1731705121",
        "webhook-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    }
    secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"
    assert is_proven(STANDARD, headers, body, secret)
    assert is_proven(STANDARD, headers, body, secret.removeprefix("whsec_"))
    for seconds, proven in ((-301, False), (-300, True), (300, True), (301, False)):
        assert is_proven(STANDARD, headers, body, secret, now=NOW + seconds * 1000) is proven


@pytest.mark.parametrize(
    ("name", "header", "form"),
    [
        ("aftership", "aftership-hmac-sha256", lambda digest: base64.b64encode(digest).decode()),
        ("easypost", "x-hmac-signature", lambda digest: f"hmac-sha256-hex={digest.hex()}"),
        ("dcsa", "notification-signature", lambda digest: f"sha256={digest.hex()}"),
    ],
)
def test_a_vendors_signature(name: str, header: str, form: Any) -> None:
    chosen = mapping.load(name).proof
    key, secret = b"a-secret", "a-secret"
    if chosen.get("secret") == "base64":
        secret = base64.b64encode(key).decode()
    signature = form(hmac.digest(key, BODY, "sha256"))
    assert is_proven(chosen, {header: signature}, BODY, "other", secret)
    for headers in (
        {},
        {header: ""},
        {header: signature.partition("=")[2] or signature[1:]},
        {header: f"{signature} "},
        {header: f" {signature}"},
        {header: f"{signature},{signature}"},
        {f"x-{header}": signature},
    ):
        assert not is_proven(chosen, headers, BODY, "other", secret)
    assert not is_proven(chosen, {header: signature}, BODY + b" ", secret)
    assert not is_proven(chosen, {header: signature}, BODY)


def test_a_token_in_a_header() -> None:
    form = mapping.load("ups").proof
    assert is_proven(form, {"authorization": "Bearer a b"}, BODY, "old", "a b")
    for text in ("", "Bearer ", "Bearer", "bearer a b", "a b", "Bearer a b ", "Bearer A B", "Bearer old2"):
        assert not is_proven(form, {"authorization": text}, BODY, "old", "a b")
    assert is_proven({"kind": "token", "header": "x-api-key"}, {"x-api-key": "ä"}, BODY, "ä")


def test_basic() -> None:
    def header(text: str, scheme: str = "Basic") -> dict[str, str]:
        return {"authorization": f"{scheme} {base64.b64encode(text.encode()).decode()}"}

    form = {"kind": "basic"}
    for headers in (header("user:pass:word"), header("user:pass:word", "basic"), header("other:ä")):
        assert is_proven(form, headers, BODY, "user:pass:word", "other:ä")
    for headers in (
        header("user:pass"),
        header(""),
        header("user:pass:word", "Bearer"),
        {"authorization": "Basic user:pass:word"},
        {"authorization": "Basic /w=="},
        {"authorization": "Basic"},
        {},
    ):
        assert not is_proven(form, headers, BODY, "user:pass:word", "other:ä")


def test_nobody_is_proven_without_a_secret_or_by_an_empty_one() -> None:
    for form in (STANDARD, GITHUB, {"kind": "token", "header": "x"}, {"kind": "basic"}):
        assert not is_proven(form, {"x": "", "authorization": "Basic "}, BODY)


def test_of_many_signatures_a_few_are_looked_at() -> None:
    headers = {"webhook-id": "a", "webhook-timestamp": str(NOW // 1000)}
    secret = base64.b64encode(b"a-secret").decode()
    digest = hmac.digest(b"a-secret", b"a.%d." % (NOW // 1000) + BODY, "sha256")
    good = f"v1,{base64.b64encode(digest).decode()}"
    for others, proven in ((4, True), (5, False)):
        headers["webhook-signature"] = " ".join([*["v1,AAAA"] * others, good])
        assert is_proven(STANDARD, headers, BODY, secret) is proven
