"""What has to hold of the partners' stack."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import contract
from contract.partner_routes import INBOUND_ROUTES
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
    tracking,
    write_settings,
)

SOURCES = {
    "acme": {"mapping": "aftership"},
    "depot": {"mapping": "epcis", "carrier": "depot", "places": {"*": {"country": "DE"}}},
    "own": {"mapping": "generic", "proof": {"kind": "basic"}},
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


def test_the_function_gets_the_sources_and_no_secret(prod: dict[str, Any]) -> None:
    variables = resource(prod, "aws_lambda_function", handler="inbound.handler.handler")["environment"][
        "variables"
    ]
    assert json.loads(variables[contract.INBOUND_SOURCES]) == SOURCES
    assert not resources(prod, "aws_ssm_parameter"), "a state can be read"


def test_the_role_may_do_what_the_function_does_and_no_more(stack: dict[str, Any], env: str) -> None:
    sources = SOURCES if env == "prod" else settings("dev").partners.sources
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


def test_what_is_named_is_what_the_tracking_stack_makes(stack: dict[str, Any], env: str) -> None:
    variables = resource(stack, "aws_lambda_function", handler="inbound.handler.handler")["environment"][
        "variables"
    ]
    assert resource(tracking(env), "aws_dynamodb_table", name=variables[contract.TABLE_NAME])
    actions = {
        action
        for alarm in resources(stack, "aws_cloudwatch_metric_alarm")
        for action in alarm.get("alarm_actions", [])
    }
    (topic,) = actions
    assert resource(tracking(env), "aws_sns_topic", name=referred(stack, topic)[1]["name"])


def test_no_log_names_a_shipment_or_a_source(stack: dict[str, Any]) -> None:
    logged = json.dumps(
        json.loads(resource(stack, "aws_apigatewayv2_stage")["access_log_settings"]["format"])
    )
    assert not re.search(r"\$context\.(path|identity|http\.path|domain|authorizer)", logged)


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
