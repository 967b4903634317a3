"""What has to hold of the partners' stack."""

import json
from pathlib import Path
from typing import Any

import pytest

import contract
from contract.partner_routes import INBOUND_ROUTES, jwt_route
from stacks.settings import SettingsError, load_settings
from tests.synthesis import (
    grants,
    referred,
    resource,
    resources,
    settings,
    stacks,
    statements,
    synthesize,
    write_settings,
)

ISSUER = "https://issuer.example/tenant/"
SOURCES: dict[str, dict[str, Any]] = {
    "acme": {"mapping": "aftership"},
    "depot": {"mapping": "epcis", "carrier": "depot", "places": {"*": {"country": "DE"}}},
    "own": {"mapping": "generic", "proof": {"kind": "basic"}},
    "aad": {"mapping": "generic", "proof": {"kind": "jwt", "issuer": ISSUER, "audience": ["tracking"]}},
    "oidc": {
        "mapping": "epcis",
        "proof": {"kind": "jwt", "issuer": ISSUER, "audience": ["a", "b"], "scopes": ["write"]},
    },
}


@pytest.fixture(scope="module")
def prod() -> dict[str, Any]:
    """The stack with a key of the customer's."""
    chosen = settings("prod", partners={"enabled": True, "sources": SOURCES})
    found: dict[str, Any] = synthesize(chosen)["partners-prod"]
    return found


@pytest.fixture
def stack(env: str, prod: dict[str, Any]) -> dict[str, Any]:
    return prod if env == "prod" else stacks("dev")["partners-dev"]


def test_who_does_not_want_partners_has_no_stack_of_them() -> None:
    assert not [
        name for name in synthesize(settings("dev", partners={"enabled": False})) if "partners" in name
    ]


def test_each_route_leads_to_its_function_which_proves_the_caller(stack: dict[str, Any]) -> None:
    function = resource(stack, "aws_lambda_function", handler="inbound.handler.handler")
    for route in INBOUND_ROUTES:
        found = resource(stack, "aws_apigatewayv2_route", route_key=route.key)
        assert "authorization_type" not in found
        integration = referred(stack, found["target"].removeprefix("integrations/"))[1]
        assert referred(stack, integration["integration_uri"])[1] == function
    assert "cors_configuration" not in resource(stack, "aws_apigatewayv2_api")


@pytest.mark.parametrize("source", ["aad", "oidc"])
def test_a_source_with_a_jwt_has_a_route_on_which_api_gateway_checks_it(
    prod: dict[str, Any], source: str
) -> None:
    proof = SOURCES[source]["proof"]
    route = resource(prod, "aws_apigatewayv2_route", route_key=jwt_route(source))
    general = resource(prod, "aws_apigatewayv2_route", route_key=INBOUND_ROUTES[0].key)
    assert (route["authorization_type"], route["target"]) == ("JWT", general["target"])
    assert route.get("authorization_scopes") == proof.get("scopes")
    authorizer = referred(prod, route["authorizer_id"])[1]
    assert authorizer == resource(prod, "aws_apigatewayv2_authorizer", name=source)
    assert authorizer["authorizer_type"] == "JWT"
    assert authorizer["identity_sources"] == ["$request.header.Authorization"]
    assert authorizer["jwt_configuration"] == {"issuer": ISSUER, "audience": proof["audience"]}


def test_no_other_source_has_a_route_of_its_own(prod: dict[str, Any]) -> None:
    keys = {route["route_key"] for route in resources(prod, "aws_apigatewayv2_route")}
    assert {key for key in keys if "/inbound/" in key} == {
        INBOUND_ROUTES[0].key,
        jwt_route("aad"),
        jwt_route("oidc"),
    }
    assert not resources(stacks("dev")["partners-dev"], "aws_apigatewayv2_authorizer")


def test_the_function_gets_the_sources_and_no_secret(prod: dict[str, Any]) -> None:
    variables = resource(prod, "aws_lambda_function", handler="inbound.handler.handler")["environment"][
        "variables"
    ]
    assert json.loads(variables[contract.INBOUND_SOURCES]) == SOURCES
    assert not resources(prod, "aws_ssm_parameter"), "a state can be read"


def test_the_role_may_do_what_the_function_does_and_no_more(stack: dict[str, Any], env: str) -> None:
    sources = {"acme", "depot", "own"} if env == "prod" else settings("dev").partners.sources
    (bucket,) = (item["bucket"] for item in resources(stack, "aws_s3_bucket"))
    log = f"/aws/lambda/tracking-inbound-{env}:*"
    expected = {
        ("logs:CreateLogStream", "aws_cloudwatch_log_group", log),
        ("logs:PutLogEvents", "aws_cloudwatch_log_group", log),
        ("dynamodb:PutItem", "dynamodb", f"table/tracking-data-{env}"),
        ("dynamodb:Query", "dynamodb", f"table/tracking-data-{env}"),
        ("s3:PutObject", "aws_s3_bucket", "/*"),
        *(("ssm:GetParameters", "ssm", f"parameter/tracking/{env}/inbound/{name}") for name in sources),
    }
    if env == "prod":
        own = "Encrypts what tracking-partners-prod stores and sends"
        for action in ("kms:Decrypt", "kms:GenerateDataKey*"):
            expected |= {(action, "kms", "key/*"), (action, "aws_kms_key", own)}
    assert bucket.startswith(f"tracking-quarantine-{env}-")
    assert grants(stack, f"tracking-inbound-role-{env}") == expected


def test_its_own_key_is_used_by_way_of_services_alone(prod: dict[str, Any]) -> None:
    services = {
        statement["Condition"]["StringEquals"]["kms:ViaService"].partition(".")[0]
        for statement in statements(prod)
        if "kms:GenerateDataKey*" in statement["Action"] and "aws_kms_key" in statement["Resource"][0]
    }
    assert services == {"dynamodb", "s3", "sqs", "ssm"}


def test_what_is_kept_is_private_encrypted_and_gone_after_30_days(prod: dict[str, Any]) -> None:
    (rule,) = resource(prod, "aws_s3_bucket_lifecycle_configuration")["rule"]
    assert (rule["status"], rule["expiration"]) == ("Enabled", [{"days": 30}])
    (encryption,) = resource(prod, "aws_s3_bucket_server_side_encryption_configuration")["rule"]
    key = encryption["apply_server_side_encryption_by_default"]["kms_master_key_id"]
    assert referred(prod, key)[0] == "aws_kms_key"
    refusal = json.loads(resource(prod, "aws_s3_bucket_policy")["policy"])["Statement"][0]
    assert (refusal["Effect"], refusal["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    blocked = resource(prod, "aws_s3_bucket_public_access_block")
    assert all(blocked[name] for name in blocked if name.startswith(("block", "ignore", "restrict")))


def jwt_source(**changes: Any) -> dict[str, Any]:
    proof = {"kind": "jwt", "issuer": ISSUER, "audience": ["tracking"], **changes}
    return {"a": {"mapping": "generic", "proof": proof}}


def test_an_issuer_on_this_machine_is_for_an_emulated_aws(tmp_path: Path) -> None:
    sources = jwt_source(issuer="http://127.0.0.1:8090")
    path = write_settings(tmp_path, dev={"partners": {"enabled": True, "sources": sources}})
    found = synthesize(load_settings(path, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}))["partners-dev"]
    assert resource(found, "aws_apigatewayv2_authorizer", name="a")


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        ({"a": {"mapping": "nobody"}}, r"'partners.sources.a' in cdktf.json, context.dev, has no mapping; "),
        (
            {"a": {"mapping": "generic", "proof": {"kind": "trust"}}},
            "asks for a proof",
        ),
        (
            {"a": {"mapping": "generic", "proof": {"kind": "token"}}},
            "asks for a proof",
        ),
        (
            {"a": {"mapping": "generic", "proof": {"kind": "hmac-sha256", "header": "X", "encoding": "hex"}}},
            "asks for a proof",
        ),
        ({"a": {"mapping": "generic", "proof": {}}}, "asks for a proof"),
        (jwt_source(issuer="https://"), "asks for a proof"),
        (jwt_source(issuer="ftp://issuer.example"), "asks for a proof"),
        (jwt_source(issuer="http://issuer.example"), "asks for a proof"),
        (jwt_source(issuer="http://localhost@issuer.example"), "asks for a proof"),
        (jwt_source(issuer=f"{ISSUER}?a"), "asks for a proof"),
        (jwt_source(audience=[]), "asks for a proof"),
        (jwt_source(audience="tracking"), "asks for a proof"),
        (jwt_source(scopes=[]), "asks for a proof"),
        (jwt_source(header="x"), "asks for a proof"),
        (
            jwt_source(issuer="http://127.0.0.1:8090/tenant"),
            r"'partners.sources.a' in cdktf.json, context.dev, has an issuer without TLS, whose URL has to "
            r"begin with https:// in AWS\.$",
        ),
        ({"a": {"mapping": "epcis", "places": {"*": {"city": ""}}}}, "names a place that there is not"),
        ({"A": {"mapping": "generic"}}, "each name in it up to 40 lower-case letters"),
        ({"a": {}}, "of which a mapping is needed"),
        ({"a": {"mapping": "generic", "secret": "s"}}, "an object of sources"),
        ({f"s{number}": {"mapping": "generic"} for number in range(200)}, "too long"),
    ],
)
def test_a_wrong_source_is_named(tmp_path: Path, sources: dict[str, Any], sentence: str) -> None:
    path = write_settings(tmp_path, dev={"partners": {"enabled": True, "sources": sources}})
    with pytest.raises(SettingsError, match=sentence):
        synthesize(load_settings(path, {}))
