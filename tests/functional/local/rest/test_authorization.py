"""Who may call the local REST API."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.aws import CREDENTIALS
from tests.functional.local.rest.conftest import MISSING, ask, refusal, send, signed
from tests.functional.local.runner import REGION


def test_signed_request_is_answered(url: str) -> None:
    assert ask("GET", f"{url}/echo").status_code == 200


@pytest.mark.parametrize(
    "query", ["a=1&b=2", "b=2&a=1", "a=1&a=0", "a", "a=", "q=a%20b%2Fc%3D", "q=%C3%A9", "q=~-_."]
)
def test_signature_covers_the_query(url: str, query: str) -> None:
    # botocore signs a query as it stands, AWS in its canonical form, in which a bare key has an equals sign.
    request = signed("GET", f"{url}/echo?{query if '=' in query else query + '='}")
    request.url = f"{url}/echo?{query}"
    assert send(request).status_code == 200
    request.url = f"{request.url}1"
    assert send(request).status_code == 403


def test_signature_covers_path_body_and_signed_headers(url: str) -> None:
    good = signed("POST", f"{url}/echo", data=b"one", headers={"X-Mine": "a"})
    assert send(good).status_code == 200
    for change in ({"url": f"{url}/echo/"}, {"body": b"two"}, {"method": "PUT"}):
        changed = good.copy()
        for name, value in change.items():
            setattr(changed, name, value)
        assert send(changed).headers["x-amzn-ErrorType"] == "InvalidSignatureException", change
    good.headers["X-Mine"] = "b"
    assert send(good).status_code == 403


def test_declared_hash_of_another_body_is_refused(url: str) -> None:
    headers = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    assert ask("POST", f"{url}/echo", data=b"x", headers=headers).status_code == 403


def test_unsigned(url: str) -> None:
    assert refusal(requests.get(f"{url}/echo", timeout=9)) == MISSING


def test_wrong_secret(url: str) -> None:
    status, kind, message = refusal(
        ask("GET", f"{url}/echo", credentials=Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], "wrong"))
    )
    assert (status, kind) == (403, "InvalidSignatureException")
    assert message == (
        "The request signature we calculated does not match the signature you provided. Check your AWS "
        "Secret Access Key and signing method. Consult the service documentation for details."
    )


@pytest.mark.parametrize(
    "credentials", [Credentials("unknown", "x"), Credentials(*CREDENTIALS.values(), "token")]
)
def test_unknown_key_or_token(url: str, credentials: Credentials) -> None:
    assert refusal(ask("GET", f"{url}/echo", credentials=credentials)) == (
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )


@pytest.mark.parametrize(
    ("minutes", "status", "message"),
    [
        (-4, 200, ""),
        (4, 200, ""),
        (-6, 403, "Signature expired: "),
        (6, 403, "Signature not yet current: "),
    ],
)
def test_clock_skew_of_five_minutes(url: str, minutes: int, status: int, message: str) -> None:
    response = ask("GET", f"{url}/echo", at=datetime.now(UTC) + timedelta(minutes=minutes))
    assert response.status_code == status
    if message:
        assert response.json()["message"].startswith(message)
        assert response.headers["x-amzn-ErrorType"] == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("Bearer abc", "Invalid key=value pair"),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e", "requires 'Signature' parameter."),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Signature=f, SignedHeaders=host", "'X-Amz-Date'"),
    ],
)
def test_incomplete(url: str, authorization: str, message: str) -> None:
    response = requests.get(f"{url}/echo", headers={"Authorization": authorization}, timeout=9)
    assert refusal(response)[:2] == (403, "IncompleteSignatureException")
    assert message in response.json()["message"]


@pytest.mark.parametrize(
    ("scope", "headers", "message"),
    [
        ("20260101/eu-west-1/execute-api/aws4_request", "x-amz-date", "'Host' or ':authority' must be"),
        ("20260102/eu-west-1/execute-api/aws4_request", "host", "Date in Credential scope does not"),
        ("20260101/eu-west-1/execute-api/aws4", "host", "Credential should be scoped with terminator"),
        (
            "20260101/us-east-1/lambda/aws4_request",
            "host",
            "Credential should be scoped to a valid region, not 'us-east-1'. "
            "Credential should be scoped to correct service: 'execute-api'.",
        ),
    ],
)
def test_wrong_claim(url: str, scope: str, headers: str, message: str) -> None:
    key = CREDENTIALS["AWS_ACCESS_KEY_ID"]
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={headers}, Signature={'0' * 64}"
    )
    response = requests.get(
        f"{url}/echo",
        headers={"Authorization": authorization, "X-Amz-Date": "20260101T000000Z"},
        timeout=9,
    )
    assert refusal(response)[:2] == (403, "InvalidSignatureException")
    assert response.json()["message"].startswith(message)


def test_date_header_instead_of_amazons_own(url: str) -> None:
    request = signed("GET", f"{url}/echo", headers={"Date": "to be replaced"})
    assert "X-Amz-Date" not in request.headers
    assert send(request).status_code == 200


def test_presigned_url_counts_as_unsigned(url: str) -> None:
    request = AWSRequest("GET", f"{url}/echo")
    SigV4QueryAuth(Credentials(*CREDENTIALS.values()), "execute-api", REGION).add_auth(request)
    assert refusal(requests.get(request.url, timeout=9)) == MISSING
