"""A source that proves itself by a JWT: the local gateway checks it, the inbound function takes what came so."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from contract.partner_routes import INBOUND_ROUTES, jwt_route
from local.integration import UnsupportedApiError
from tests.functional.conftest import Caller
from tests.functional.local.http.conftest import Deployed, ask
from tests.issuer import AUDIENCE, Issuer, issuing
from tests.senders import Sender

SOURCE, ROUTE = "acme", jwt_route("acme")


def authorizer(issuer: str, **changes: Any) -> dict[str, Any]:
    return {
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": {"Issuer": issuer, "Audience": ["other", AUDIENCE]},
        **changes,
    }


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as served:
        yield served


@pytest.fixture(scope="module")
def url(deployed: Deployed, issuer: Issuer) -> Iterator[str]:
    """Of an API with the general route, and that of the source, whose function returns its event."""
    name = deployed.api(
        [INBOUND_ROUTES[0].key, ROUTE],
        authorizers={ROUTE: authorizer(issuer.url)},
        route={"AuthorizationScopes": ["write", "all"]},
    )
    with deployed.gateway(name) as gateway:
        yield f"{gateway.url}/inbound"


@pytest.fixture
def sender(environment: dict[str, str], issuer: Issuer) -> Sender:
    """The function, without a secret of the source."""
    proof = {"kind": "jwt", "issuer": issuer.url, "audience": [AUDIENCE], "scopes": ["write"]}
    return Sender.of(environment, SOURCE, {"mapping": "generic", "proof": proof}, secret=" ")


def send(url: str, token: str | None, body: Any = None) -> requests.Response:
    headers = {} if token is None else {"Authorization": token}
    return ask("POST", url, json=body or {}, headers=headers)


@pytest.mark.parametrize("scheme", ["Bearer ", ""])
@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "read write"},
        {"scope": "all"},
        {"scp": ["write"]},
        {"scope": "write", "aud": ["someone", AUDIENCE], "client_id": "someone"},
        {"scope": "write", "aud": None, "client_id": AUDIENCE},
    ],
)
def test_what_a_good_token_comes_with_is_stored(
    url: str,
    issuer: Issuer,
    sender: Sender,
    caller: Caller,
    update: dict[str, Any],
    claims: dict[str, Any],
    scheme: str,
) -> None:
    got = send(f"{url}/{SOURCE}", scheme + issuer.token(**claims), update | {"timestamp": 1_700_000_000_000})
    assert (got.status_code, got.json()["routeKey"]) == (200, ROUTE)
    assert sender.invoke(got.json()).body == {"stored": 1, "kept": 0}
    assert len(caller.history(update["tracking_id"])) == 1


def test_the_function_learns_the_claims_as_texts(url: str, issuer: Issuer) -> None:
    token = issuer.token(scope="write", sub="me", groups=["a", "b"], exp=4_000_000_000, beta=True)
    told = send(f"{url}/{SOURCE}", token).json()["requestContext"]["authorizer"]["jwt"]
    expected = {"sub": "me", "groups": "[a b]", "exp": "4000000000", "beta": "true"}
    assert expected.items() <= told["claims"].items()
    assert told["scopes"] == ["write"]


def test_no_other_token_is_let_in(url: str, issuer: Issuer) -> None:
    with issuing() as another:
        tokens = issuer.bad_tokens(another, scope="write")
        answers = {name: send(f"{url}/{SOURCE}", token) for name, token in tokens.items()}
    assert {name: (answer.status_code, answer.json()) for name, answer in answers.items()} == dict.fromkeys(
        tokens, (401, {"message": "Unauthorized"})
    )
    assert send(f"{url}/{SOURCE}", issuer.token(scope="write")).status_code == 200


@pytest.mark.parametrize("claims", [{}, {"scope": "read"}, {"scp": ["writer"]}, {"scope": 5}])
def test_a_token_without_the_scope_is_forbidden(url: str, issuer: Issuer, claims: dict[str, Any]) -> None:
    answer = send(f"{url}/{SOURCE}", issuer.token(**claims))
    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})


def test_the_general_route_lets_no_token_in(url: str, issuer: Issuer, sender: Sender) -> None:
    event = send(f"{url}/other", issuer.token(scope="write")).json()
    event["pathParameters"]["source"] = SOURCE
    assert event["routeKey"] == INBOUND_ROUTES[0].key
    assert sender.invoke(event).status == 401
    event["requestContext"]["authorizer"] = {"jwt": {"claims": issuer.claims(scope="write")}}
    assert sender.invoke(event).status == 401
    assert sender.post(b"{}", {"authorization": f"Bearer {issuer.token(scope='write')}"}).status == 401


def test_the_route_without_an_authorizer_lets_nobody_in(
    deployed: Deployed, issuer: Issuer, sender: Sender
) -> None:
    with deployed.gateway(deployed.api([ROUTE])) as gateway:
        event = send(f"{gateway.url}/inbound/{SOURCE}", issuer.token(scope="write")).json()
    assert sender.invoke(event).status == 401


def test_an_issuer_that_does_not_answer_lets_nobody_in(deployed: Deployed) -> None:
    with issuing() as issuer:
        token = issuer.token()
    with deployed.gateway(deployed.api([ROUTE], authorizers={ROUTE: authorizer(issuer.url)})) as gateway:
        assert send(f"{gateway.url}/inbound/{SOURCE}", token).status_code == 401


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"AuthorizerType": "REQUEST", "AuthorizerPayloadFormatVersion": "2.0"},
            "AuthorizerType is 'REQUEST'",
        ),
        ({"IdentitySource": ["$request.querystring.token"]}, "IdentitySource is "),
        ({"JwtConfiguration": {"Issuer": "https://a.example"}}, "JWT without an audience is True"),
        (
            {"JwtConfiguration": {"Issuer": "http://a.example", "Audience": ["a"]}},
            "issuer without TLS is True",
        ),
    ],
)
def test_an_authorizer_that_is_not_supported_is_refused(
    deployed: Deployed, changes: dict[str, Any], sentence: str
) -> None:
    name = deployed.api([ROUTE], authorizers={ROUTE: authorizer("https://a.example", **changes)})
    with pytest.raises(UnsupportedApiError, match=sentence):
        deployed.gateway(name)
