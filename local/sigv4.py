"""Checks a request's Signature Version 4 as API Gateway does for a method with AWS_IAM authorization.

The signature itself is botocore's; https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import unquote

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from local.server import HttpRequest

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=5)


class SignatureError(Exception):
    """The request is not signed as it must be.

    ``kind`` is what AWS puts into ``x-amzn-ErrorType``; the message is AWS's own.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class _Claim:
    credential: str
    signed_headers: list[str]
    signature: str
    timestamp: str
    token: str | None


class _Verifier(SigV4Auth):  # type: ignore[misc]
    """botocore signs what it sends; this signs what the client said that it signed."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        return request.headers

    def payload(self, request: AWSRequest) -> str:
        return sha256(request.data).hexdigest()


def verify(request: HttpRequest, *, credentials: Credentials, region: str, now: datetime) -> None:
    """Raise unless the request is signed with the credentials for ``execute-api`` in the region.

    A presigned URL counts as one without a signature.

    Raises:
        SignatureError: with API Gateway's error type and message.
    """
    claim = _claim(request)
    _check_scope(claim, region)
    key = claim.credential.split("/")[0]
    if key != credentials.access_key or claim.token != credentials.token:
        message = "The security token included in the request is invalid."
        raise SignatureError("UnrecognizedClientException", message)
    _check_time(claim, now)
    expected = _signature(request, claim, credentials, region)
    if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
        raise _mismatch()


def _mismatch() -> SignatureError:
    return SignatureError(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    )


def _incomplete(message: str) -> SignatureError:
    return SignatureError("IncompleteSignatureException", message)


def _claim(request: HttpRequest) -> _Claim:
    authorization = request.header("authorization")
    if not authorization:
        raise SignatureError("MissingAuthenticationTokenException", "Missing Authentication Token")
    algorithm, _, rest = authorization.partition(" ")
    fields = dict(re.findall(r"([^\s,=]+)=([^\s,]*)", rest))
    if algorithm != ALGORITHM or not fields:
        raise _incomplete("Invalid key=value pair (missing equal-sign) in Authorization header.")
    timestamp = request.header("x-amz-date") or _http_date(request.header("date"))
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not fields.get(name)
    ]
    if not timestamp:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing or not timestamp:
        raise _incomplete(" ".join(missing))
    return _Claim(
        fields["Credential"],
        fields["SignedHeaders"].split(";"),
        fields["Signature"],
        timestamp,
        request.header("x-amz-security-token"),
    )


def _http_date(value: str | None) -> str | None:
    try:
        return parsedate_to_datetime(value).astimezone(UTC).strftime(SIGV4_TIMESTAMP) if value else None
    except ValueError:
        return None


def _check_scope(claim: _Claim, region: str) -> None:
    parts = claim.credential.split("/")
    if len(parts) != 5:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
        )
    _, date, its_region, service, terminator = parts
    faults = []
    if its_region != region:
        faults.append(f"Credential should be scoped to a valid region, not '{its_region}'.")
    if service != "execute-api":
        faults.append("Credential should be scoped to correct service: 'execute-api'.")
    if terminator != "aws4_request":
        faults.append(f"Credential should be scoped with terminator: 'aws4_request', not '{terminator}'.")
    if claim.timestamp[:8] != date:
        faults.append(
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{date}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'."
        )
    if "host" not in claim.signed_headers:
        faults.append("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if faults:
        raise SignatureError("InvalidSignatureException", " ".join(faults))


def _check_time(claim: _Claim, now: datetime) -> None:
    try:
        signed = datetime.strptime(claim.timestamp, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{claim.timestamp}'.") from error
    said, shown = claim.timestamp, now.strftime(SIGV4_TIMESTAMP)
    if signed + SKEW < now:
        oldest = (now - SKEW).strftime(SIGV4_TIMESTAMP)
        message = f"Signature expired: {said} is now earlier than {oldest} ({shown} - 5 min.)"
        raise SignatureError("InvalidSignatureException", message)
    if signed - SKEW > now:
        latest = (now + SKEW).strftime(SIGV4_TIMESTAMP)
        message = f"Signature not yet current: {said} is still later than {latest} ({shown} + 5 min.)"
        raise SignatureError("InvalidSignatureException", message)


def _signature(request: HttpRequest, claim: _Claim, credentials: Credentials, region: str) -> str:
    declared = request.header("x-amz-content-sha256")
    if declared not in (None, sha256(request.body).hexdigest()):
        raise _mismatch()
    pairs = [pair.partition("=") for pair in request.query.split("&") if pair]
    parameters = [(unquote(name), unquote(value)) for name, _, value in pairs]
    url = f"http://{request.host}{request.path}"
    signed = AWSRequest(request.method, url, data=request.body, params=parameters)
    for name, value in request.headers:
        if name.lower() in claim.signed_headers:
            signed.headers.add_header(name.lower(), value)
    signed.context["timestamp"] = claim.timestamp
    signer = _Verifier(credentials, "execute-api", region)
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    signature: str = signer.signature(text, signed)
    return signature
