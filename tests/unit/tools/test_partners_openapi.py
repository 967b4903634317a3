"""docs/partners-openapi.json is what the code says."""

import json

import jsonschema

import contract
from outbound.delivery import Delivery
from outbound.webhook import ACTIVE, DISABLED, MEDIA_TYPES, Webhook
from tools.partners_openapi import DOCUMENT, describe, render

WEBHOOK = json.loads(contract.WEBHOOK_SCHEMA.read_text("utf-8"))


def test_document_is_not_stale() -> None:
    assert DOCUMENT.read_text("utf-8") == render(), "run `make docs`"


def test_every_schema_is_a_schema() -> None:
    for schema in describe()["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_what_a_webhook_may_be_is_what_the_code_knows() -> None:
    jsonschema.Draft4Validator.check_schema(WEBHOOK)
    fields = WEBHOOK["properties"]
    assert tuple(fields["events"]["items"]["enum"]) == contract.EVENTS
    assert fields["events"]["maxItems"] == len(contract.EVENTS)
    assert tuple(fields["statuses"]["items"]["enum"]) == contract.STATUSES
    assert fields["format"]["enum"] == [*MEDIA_TYPES]
    assert fields["state"]["enum"] == [ACTIVE, DISABLED]


def test_what_is_shown_is_what_is_described() -> None:
    schemas = describe()["components"]["schemas"]
    webhook = Webhook(id="x", created_at=1, secrets=[])
    assert schemas["Webhook"]["properties"].keys() == webhook.visible.keys()
    delivery = Delivery(webhook="x", sequence=1, id="x", event="x", body="x", state="x", created_at=1)
    assert schemas["Delivery"]["properties"].keys() == delivery.visible.keys()
