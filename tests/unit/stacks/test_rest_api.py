"""The REST API of the tracking stack."""

import json
import re
from typing import Any

from tests.synthesis import (
    referred,
    resource,
    resources,
)


def test_every_method_is_signed_and_validated(stack: dict[str, Any]) -> None:
    validator = resource(stack, "aws_api_gateway_request_validator", name="tracking-validator")
    assert (validator["validate_request_body"], validator["validate_request_parameters"]) == (True, True)
    methods = resources(stack, "aws_api_gateway_method")
    assert methods
    for method in methods:
        assert method["authorization"] == "AWS_IAM"
        assert referred(stack, method["request_validator_id"])[1] == validator
        if method["http_method"] == "POST":
            assert referred(stack, method["request_models"]["application/json"])[0] == "aws_api_gateway_model"
    for integration in resources(stack, "aws_api_gateway_integration"):
        assert integration["type"] == "AWS_PROXY"
        assert referred(stack, integration["uri"])[0] == "aws_lambda_function"


def test_the_models_use_what_api_gateway_knows(stack: dict[str, Any]) -> None:
    unknown = re.compile(r'"(const|if|then|else|contains|propertyNames|examples|\$id|dependentRequired)":')
    for model in resources(stack, "aws_api_gateway_model"):
        assert json.loads(model["schema"])["$schema"] == "http://json-schema.org/draft-04/schema#"
        assert not unknown.search(model["schema"])
        assert re.fullmatch("[A-Za-z0-9]+", model["name"])


def test_a_deployment_follows_every_part_of_the_definition(stack: dict[str, Any]) -> None:
    deployment = resource(stack, "aws_api_gateway_deployment")
    assert deployment["lifecycle"]["create_before_destroy"] is True
    trigger = deployment["triggers"]["definition"]
    apart = {"account", "deployment", "stage", "method_settings", "rest_api"}
    parts = 0
    for kind, items in stack["resource"].items():
        if kind.startswith("aws_api_gateway_") and kind.removeprefix("aws_api_gateway_") not in apart:
            for key, item in items.items():
                for attribute in item.keys() - {"//", "depends_on", "rest_api_id"}:
                    assert re.search(rf"\b{kind}\.{re.escape(key)}\.{attribute}\b", trigger)
                    parts += 1
    assert parts > 20
    stage = resource(stack, "aws_api_gateway_stage")
    assert referred(stack, stage["deployment_id"])[1] == deployment


def test_the_stage_is_throttled_at_the_announced_rate(stack: dict[str, Any], env: str) -> None:
    config = resource(stack, "aws_ssm_parameter", name=f"/logistics/api/{env}/config")
    throttling = resource(stack, "aws_api_gateway_method_settings")["settings"]
    assert throttling["throttling_rate_limit"] == json.loads(config["value"])["rate_limit"]
    assert throttling["throttling_burst_limit"] > 0
    stage = resource(stack, "aws_api_gateway_stage")
    assert stage["stage_name"] == env
    assert stage["xray_tracing_enabled"] is True
    log = json.loads(stage["access_log_settings"]["format"])
    assert not re.search('sourceIp|userAgent|path[^"]*$|body|querystring', json.dumps(list(log.values())))


#: What AWS keeps for a gateway response that is put without a status code, as LocalStack recorded it from AWS (its
#: test_gateway_response_put); the others stand for several types.
STATUS_CODES = {
    "BAD_REQUEST_BODY": "400",
    "BAD_REQUEST_PARAMETERS": "400",
    "REQUEST_TOO_LARGE": "413",
    "UNSUPPORTED_MEDIA_TYPE": "415",
    "THROTTLED": "429",
    "INTEGRATION_TIMEOUT": "504",
    "DEFAULT_4XX": None,
    "DEFAULT_5XX": None,
}


def test_the_gateway_answers_in_the_shape_of_the_function_whatever_it_fills_in(stack: dict[str, Any]) -> None:
    hostile = 'a " \\ \n'
    for response in resources(stack, "aws_api_gateway_gateway_response"):
        text = response["response_templates"]["application/json"]
        text = text.replace("$context.error.messageString", json.dumps(hostile))
        text = text.replace("$context.requestId", "7b28392d-d16c-4e2b-a9e3-364fe02bd0c5")
        text = re.sub(r"\$[\w.]+", lambda _: hostile, text)
        assert json.loads(text).keys() == {"error", "code", "request_id", "errors"}


def test_a_gateway_response_has_the_status_code_that_aws_would_keep(stack: dict[str, Any]) -> None:
    found = resources(stack, "aws_api_gateway_gateway_response")
    assert {item["response_type"]: item.get("status_code") for item in found} == STATUS_CODES
