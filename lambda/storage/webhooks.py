"""The table of webhooks: one item a webhook."""

from dataclasses import fields
from typing import Any

from outbound.secret import Secret
from outbound.webhook import Webhook
from storage.attributes import Item, assignment, decode_item, encode, encode_item


class WebhookStore:
    """Keeps webhooks; for many threads. Every method raises the errors of boto3's client of DynamoDB."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, webhook: Webhook) -> None:
        """Adds a webhook."""
        members = {name: value for name, value in vars(webhook).items() if value is not None}
        self._client.put_item(
            TableName=self._table, Item=encode_item({**members, "secrets": webhook.secrets})
        )

    def get(self, id: str) -> Webhook | None:
        """A webhook as it is now."""
        answer = self._client.get_item(TableName=self._table, Key=_key(id), ConsistentRead=True)
        return _decode(answer["Item"]) if "Item" in answer else None

    def all(self) -> list[Webhook]:
        """All of them, the oldest first."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table)
        found = (_decode(item) for page in pages for item in page["Items"])
        return sorted(found, key=lambda webhook: (webhook.created_at, webhook.id))

    def change(self, id: str, **members: Any) -> Webhook | None:
        """Sets members of a webhook, and removes those that are None; None if there is no such webhook."""
        return self._update(id, **assignment(members))

    def count_failure(self, id: str) -> Webhook | None:
        """Adds one to its failures; None if there is no such webhook."""
        return self._update(
            id,
            UpdateExpression="ADD #failures :one",
            ExpressionAttributeNames={"#failures": "failures"},
            ExpressionAttributeValues={":one": encode(1)},
        )

    def delete(self, id: str) -> Webhook | None:
        """Removes a webhook, and returns what it was."""
        answer = self._client.delete_item(TableName=self._table, Key=_key(id), ReturnValues="ALL_OLD")
        return _decode(answer["Attributes"]) if "Attributes" in answer else None

    def _update(self, id: str, **update: Any) -> Webhook | None:
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(id),
                # Without it one that was deleted meanwhile would be there again.
                ConditionExpression="attribute_exists(id)",
                ReturnValues="ALL_NEW",
                **update,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return _decode(answer["Attributes"])


def _key(id: str) -> Item:
    return {"id": encode(id)}


def _decode(item: Item) -> Webhook:
    members = decode_item(item)
    # What a later release has added is left out.
    known = {field.name: members[field.name] for field in fields(Webhook) if field.name in members}
    return Webhook(**{**known, "secrets": [Secret(*secret) for secret in known["secrets"]]})
