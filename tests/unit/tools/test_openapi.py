"""docs/openapi.json is what the code says."""

import json
import re
from typing import Any

import jsonschema
import pytest

import contract
from contract.reasons import REASONS
from shipments.update import OPTIONAL
from stacks.gateway_responses import GATEWAY_RESPONSES
from tools import partners_openapi
from tools.openapi import DOCUMENT, describe, render
from tools.partners_openapi import describe as describe_partners
from web.errors import CODES


def test_documents_are_not_stale() -> None:
    assert DOCUMENT.read_text("utf-8") == render(), "run `make docs`"
    assert partners_openapi.DOCUMENT.read_text("utf-8") == partners_openapi.render(), "run `make docs`"


@pytest.mark.parametrize("document", [describe(), describe_partners()])
def test_every_schema_is_a_schema(document: Any) -> None:
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_statuses_of_the_schema_are_those_of_the_code() -> None:
    schema = json.loads(contract.UPDATE_SCHEMA.read_text("utf-8"))
    assert tuple(schema["properties"]["status"]["enum"]) == contract.STATUSES


def test_reasons_of_the_schema_are_those_of_the_code() -> None:
    schema = json.loads(contract.UPDATE_SCHEMA.read_text("utf-8"))
    assert schema["properties"]["reason"]["enum"] == [*REASONS]
    assert {status for statuses in REASONS.values() for status in statuses} == {*contract.STATUSES}


def test_optional_fields_of_the_schema_are_those_of_the_code() -> None:
    schema = json.loads(contract.UPDATE_SCHEMA.read_text("utf-8"))
    old = {"tracking_id", "status", "location", "metadata", "timestamp"}
    assert schema["properties"].keys() == {*old, *OPTIONAL}


def test_the_page_of_reasons_lists_them_all_with_their_statuses() -> None:
    page = (DOCUMENT.parent / "reasons.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE)
    assert {reason: tuple(re.findall(r"`(\w+)`", statuses)) for reason, statuses in rows} == REASONS


@pytest.mark.parametrize("path", [contract.UPDATE_SCHEMA, contract.BATCH_SCHEMA])
def test_models_are_what_api_gateway_takes(path: Any) -> None:
    schema = json.loads(path.read_text("utf-8"))
    jsonschema.Draft4Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-04/schema#"


def test_every_status_that_has_a_code_is_documented() -> None:
    documented = {
        int(status)
        for methods in describe()["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
    }
    # 405 belongs to no operation, 429 and 504 to the gateway.
    partners = {
        int(status)
        for methods in describe_partners()["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
    }
    assert documented | partners == {200, 202, 429, 504, *CODES} - {405}


def test_codes_of_the_gateway_are_documented() -> None:
    codes = describe()["components"]["schemas"]["Error"]["properties"]["code"]["enum"]
    assert {re.findall('"code": "(.*?)"', response.template)[0] for response in GATEWAY_RESPONSES} <= {*codes}
