"""The client for AWS beside botocore: the same signatures, endpoints and certificates, in the time there is."""

import random
import re
import ssl
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import botocore
import botocore.auth
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.endpoint_provider import EndpointProvider
from hypothesis import given, settings
from hypothesis import strategies as st

import runtime.aws
from runtime.aws import SLOWEST_CALL, AwsError, Client, Credentials, endpoint, sign
from web.request import GATEWAY_TIMEOUT

SESSION = botocore.session.Session()
SERVICES = ("dynamodb", "ssm")
visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


def test_slowest_calls_fit_into_the_gateways_time() -> None:
    # The last call begins SLOWEST_CALL before the end, so there has to be time for some before.
    assert GATEWAY_TIMEOUT - SLOWEST_CALL >= SLOWEST_CALL


def test_no_attempt_begins_that_might_end_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    client = Client("dynamodb", "us-east-1")

    def slow(*_: Any) -> dict[str, Any]:
        clock[0] += 2 * runtime.aws._CONNECT_TIMEOUT + 2
        raise AwsError("ThrottlingException")

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    monkeypatch.setattr(random, "random", lambda: 1.0)
    monkeypatch.setattr(client, "_try", slow)
    with pytest.raises(AwsError):
        client.put_item(TableName="A")
    assert clock[0] <= SLOWEST_CALL


@given(
    keys=st.tuples(visible, visible, st.just("") | visible),
    region=st.from_regex(r"[a-z]{2}-[a-z]{4,9}-[1-9]", fullmatch=True),
    service=st.sampled_from(SERVICES),
    target=visible,
    body=st.binary(),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
)
@settings(deadline=None)
def test_signatures_are_botocores(
    keys: tuple[str, str, str], region: str, service: str, target: str, body: bytes, at: datetime
) -> None:
    headers = {"content-type": "application/x-amz-json-1.0", "host": f"{service}.{region}.amazonaws.com"}
    headers["x-amz-date"] = f"{at:%Y%m%dT%H%M%SZ}"
    if keys[2]:
        headers["x-amz-security-token"] = keys[2]
    headers["x-amz-target"] = target
    request = AWSRequest("POST", f"https://{headers['host']}/", headers, body)
    request.context["timestamp"] = headers["x-amz-date"]
    credentials = botocore.session.Session()
    credentials.set_credentials(*keys)
    signer = botocore.auth.SigV4Auth(credentials.get_credentials(), service, region)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    expected = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, "
        f"SignedHeaders={';'.join(headers)}, Signature={signature}"
    )
    assert sign(Credentials(*keys), region, service, headers, body) == expected


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fips", [True, False])
@pytest.mark.parametrize("dual_stack", [True, False])
def test_endpoints_are_botocores(
    monkeypatch: pytest.MonkeyPatch, service: str, fips: bool, dual_stack: bool
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", str(fips))
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", str(dual_stack))
    loader = SESSION.get_component("data_loader")
    rules = loader.load_service_model(service, "endpoint-rule-set-1")
    partitions = loader.load_data("partitions")
    provider = EndpointProvider(rules, partitions)
    regions = [region for partition in partitions["partitions"] for region in partition["regions"]]
    regions = [region for region in regions if not region.endswith("-global")]
    assert len(partitions["partitions"]) == 8
    for region in regions:
        resolved = provider.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack)
        assert endpoint(service, region) == resolved.url


def test_an_endpoint_of_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:2")
    assert endpoint("dynamodb", "us-east-1") == "http://127.0.0.1:1"
    assert endpoint("ssm", "us-east-1") == "http://127.0.0.1:2"


def test_amazons_certificates_are_trusted() -> None:
    """The five that https://www.amazontrust.com/repository recommends, and DigiCert's, as botocore has them."""
    stock, ours = (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2))
    stock.load_verify_locations(Path(botocore.__file__).with_name("cacert.pem"))
    ours.load_verify_locations(Path(runtime.aws.__file__).with_name("roots.pem"))
    wanted = re.compile(r"Amazon Root CA|Starfield Services Root .* - G2|'DigiCert Inc'")
    expected = [root for root in stock.get_ca_certs() if wanted.search(str(root["subject"]))]
    assert len(expected) >= 5
    assert {str(root) for root in ours.get_ca_certs()} == {str(root) for root in expected}
