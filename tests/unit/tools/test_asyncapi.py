"""docs/asyncapi.json is what the code says, and what webhooks are told is what it says."""

import json
from typing import Any

import jsonschema
import pytest

import contract
from outbound.message import TEST, render, sample
from outbound.secret import Secret, make_secret, signed
from outbound.webhook import MEDIA_TYPES
from tests.asyncapi import check
from tests.outbound import notification
from tools.asyncapi import DOCUMENT, describe
from tools.asyncapi import render as rendered


def test_document_is_not_stale() -> None:
    assert DOCUMENT.read_text("utf-8") == rendered(), "run `make docs`"


@pytest.mark.parametrize("kind", MEDIA_TYPES)
@pytest.mark.parametrize(
    "told",
    [
        notification(),
        notification(location={"lat": 1.5, "lng": 2, "precision": "city"}, previous_status=None),
        notification(estimated_delivery={"from": 1, "to": 2}, place=None, carrier=None, reason=None),
        notification(estimated_delivery=1, location=None),
        *(notification(event=event) for event in contract.EVENTS),
        sample("test_1", 1),
    ],
)
def test_what_is_told_is_as_described(kind: str, told: dict[str, Any]) -> None:
    check(kind, json.loads(render(told, kind, "dev").body))


@pytest.mark.parametrize("change", [{"event": "other"}, {"version": "1"}, {"more": 1}, {"location": {}}])
def test_what_is_not_as_described_would_be_found(change: dict[str, Any]) -> None:
    for kind in MEDIA_TYPES:
        body = json.loads(render(notification(), kind, "dev").body)
        (body.get("data") or body).update(change)
        with pytest.raises(jsonschema.ValidationError):
            check(kind, body)


def test_headers_are_as_described() -> None:
    schema = describe()["components"]["schemas"]["Headers"]
    secrets = [Secret(make_secret()), Secret(make_secret(), 10)]
    for now in (1, 20):
        headers = signed("id", b"{}", secrets, now)
        jsonschema.validate(headers, schema)
        assert headers.keys() == schema["properties"].keys()


def test_references_lead_somewhere() -> None:
    document = describe()

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [found for member in value.values() for found in references(member)]
        return [found for member in value for found in references(member)] if isinstance(value, list) else []

    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_a_test_message_has_no_event_of_the_contract() -> None:
    assert TEST not in contract.EVENTS
