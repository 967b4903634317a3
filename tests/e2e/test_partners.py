"""The partners' API, deployed by the real tools and asked over HTTP."""

import base64
import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from local.gateway import Gateway
from local.http_api import HttpGateway
from local.partner import KEY, SOURCE, send
from stacks.settings import load_settings
from tests.e2e.conftest import Deployment, serve_http, signed
from tests.issuer import AUDIENCE, Issuer, issuing
from tests.odd import BODIES, IDS, URLS, bad_tokens
from tests.senders import sign
from tests.synthesis import synthesize, write_settings


@pytest.fixture(scope="module")
def url(partners: HttpGateway) -> str:
    return f"{partners.url}/inbound/{SOURCE}"


def test_a_signed_message_is_an_update_that_the_signed_api_shows(url: str, gateway: Gateway) -> None:
    tracking_id = f"PARTNER-{uuid.uuid4()}"
    update = {"tracking_id": tracking_id, "status": "delivered", "place": {"city": "Wien", "country": "AT"}}
    body = json.dumps({**update, "timestamp": 1_700_000_000_000}, ensure_ascii=False).encode()
    headers = sign(body, secret=f"whsec_{base64.b64encode(KEY).decode()}")
    for _ in range(2):
        answer = requests.post(url, body, headers=headers | {"Content-Type": "application/json"}, timeout=30)
        assert (answer.status_code, answer.json()) == (202, {"stored": 1, "kept": 0})
    history = signed("GET", f"{gateway.url}/status?tracking_id={tracking_id}").json()
    (stored,) = history["updates"]
    assert {name: stored[name] for name in update} == update


def test_who_does_not_prove_itself_is_refused(url: str) -> None:
    answer = requests.post(url, "{}", headers={"Content-Type": "application/json"}, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.json()["request_id"] == answer.headers["apigw-requestid"]
    assert requests.post(f"{url}-2", "{}", timeout=30).status_code == 404
    assert requests.get(url, timeout=30).json() == {"message": "Not Found"}


def test_the_command_of_make_up(url: str) -> None:
    assert send(url, b"[]") == '202 {"stored": 0, "kept": 1}'


def patient(send: Callable[..., requests.Response], *arguments: Any, **options: Any) -> requests.Response:
    """The answer to a request that is sent again while there are too many of them."""
    while (answer := send(*arguments, **options)).status_code == 429:
        time.sleep(0.5)
    return answer


def test_of_odd_requests_none_is_let_in_and_none_fails(partners: HttpGateway) -> None:
    webhooks, inbound = f"{partners.url}/webhooks", f"{partners.url}/inbound"
    hook = signed("POST", webhooks, json={"url": "https://example.com/"}).json()
    feed = signed("POST", webhooks, json={}).json()
    before = signed("GET", webhooks).json()
    answers = {
        "urls": [patient(signed, "POST", webhooks, json={"url": url}) for url in URLS[::5]],
        "bodies": [
            patient(signed, "POST", webhooks, data=body.encode()) for body in BODIES[::4] if body.isascii()
        ],
        "ids": [
            patient(signed, "GET", f"{webhooks}/{id}") for id in IDS if re.fullmatch("[a-z0-9-]{1,99}", id)
        ],
        "tokens": [
            patient(
                requests.get,
                f"{partners.url}/changes",
                headers={"Authorization": f"Bearer {token}"},
                timeout=30,
            )
            for token in bad_tokens(feed, hook)
            if token.isascii() and token.isprintable() and len(token) < 4_000
        ],
        "sources": [
            patient(requests.post, f"{inbound}/{quote(name, safe='')}", "{}", timeout=30)
            for name in (
                "Demo",
                "demo ",
                "demo/",
                "demo\x00",
                "*",
                "{source}",
                "demo\n",
                "..%2fdemo",
                "x" * 2_000,
            )
        ],
        "proofs": [
            patient(
                requests.post, f"{inbound}/{SOURCE}", "{}", headers={"webhook-signature": text}, timeout=30
            )
            for text in ("v1,", "v1,AAAA", "v1,AAAA v1,BBBB", "v2,AAAA", "null", "v1," + "A" * 4_000)
        ],
    }
    statuses = {door: Counter(answer.status_code for answer in found) for door, found in answers.items()}
    assert {door: set(found) for door, found in statuses.items()} == {
        "urls": {400},
        "bodies": {400},
        "ids": {404},
        "tokens": {401},
        "sources": {404},
        "proofs": {401},
    }
    assert sum(map(Counter.total, statuses.values())) > 100
    assert signed("GET", webhooks).json() == before
    for made in (hook, feed):
        assert signed("DELETE", f"{webhooks}/{made['id']}").status_code == 200


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def acme(deployment: Deployment, issuer: Issuer, tmp_path: Path) -> Iterator[str]:
    """The URL of a source that proves itself by a JWT, which is added to what is deployed, and taken away again."""
    proof = {"kind": "jwt", "issuer": issuer.url, "audience": [AUDIENCE]}
    sources = {SOURCE: {"mapping": "generic"}, "acme": {"mapping": "generic", "proof": proof}}
    chosen = write_settings(tmp_path, dev={"partners": {"enabled": True, "sources": sources}})
    stacks = synthesize(load_settings(chosen, deployment.environ))
    file = deployment.stacks.folder("partners-dev") / "cdk.tf.json"
    deployed = file.read_text(encoding="utf-8")

    def apply(stack: str) -> None:
        file.write_text(stack, encoding="utf-8")
        deployment.stacks.terraform("partners-dev", "apply", "-auto-approve", "-input=false")

    try:
        apply(json.dumps(stacks["partners-dev"]))
        with serve_http(deployment, "partners", "inbound", "webhooks") as served:
            yield f"{served.url}/inbound/acme"
    finally:
        apply(deployed)


def test_a_source_that_proves_itself_by_a_jwt(acme: str, issuer: Issuer, gateway: Gateway) -> None:
    tracking_id = f"JWT-{uuid.uuid4()}"
    place = {"city": "Wien", "country": "AT"}
    update = {
        "tracking_id": tracking_id,
        "status": "delivered",
        "place": place,
        "timestamp": 1_700_000_000_000,
    }

    def post(token: str | None) -> requests.Response:
        headers = {} if token is None else {"Authorization": token}
        return requests.post(acme, json=update, headers=headers, timeout=30)

    def history() -> int:
        return int(signed("GET", f"{gateway.url}/status?tracking_id={tracking_id}").json()["count"])

    with issuing() as another:
        answers = {name: post(token) for name, token in issuer.bad_tokens(another).items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 401)
    assert history() == 0
    answer = post(f"Bearer {issuer.token()}")
    assert (answer.status_code, answer.json()) == (202, {"stored": 1, "kept": 0})
    assert history() == 1
