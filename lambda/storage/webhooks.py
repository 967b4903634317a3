"""The table of webhooks: one item a webhook."""

from dataclasses import fields
from typing import Any

from outbound.secret import Secret
from outbound.webhook import LANES, Webhook
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

    def take_lane(self, webhook: Webhook, now: int, until: int) -> str | None:
        """One of the webhook's lanes, which nobody else has before `until` or `free_lane`; None if there is none.

        Times are ms since the epoch.
        """
        for lane in (str(number) for number in range(LANES)):
            if webhook.lanes.get(lane, 0) <= now and self._set_lane(webhook.id, lane, now, until):
                return lane
        return None

    def _set_lane(self, id: str, lane: str, now: int, until: int) -> bool:
        return bool(
            self._update(
                id,
                "attribute_exists(id) AND (attribute_not_exists(#lanes.#lane) OR #lanes.#lane <= :now)",
                UpdateExpression="SET #lanes.#lane = :until",
                ExpressionAttributeNames={"#lanes": "lanes", "#lane": lane},
                ExpressionAttributeValues={":now": encode(now), ":until": encode(until)},
            )
        )

    def free_lane(self, id: str, lane: str, until: int) -> None:
        """Lets others have a lane that was taken `until` a time, if it was not given to others since."""
        self._update(
            id,
            "#lanes.#lane = :until",
            UpdateExpression="REMOVE #lanes.#lane",
            ExpressionAttributeNames={"#lanes": "lanes", "#lane": lane},
            ExpressionAttributeValues={":until": encode(until)},
        )

    def count_failure(self, id: str) -> Webhook | None:
        """Adds one to its failures; None if there is no such webhook."""
        return self._update(
            id,
            UpdateExpression="ADD #failures :one",
            ExpressionAttributeNames={"#failures": "failures"},
            ExpressionAttributeValues={":one": encode(1)},
        )

    def numbering(self, webhook: Webhook, newest: int) -> dict[str, Any]:
        """The write of a transaction that sets the number of its newest message, if that is as it was read."""
        return {
            "TableName": self._table,
            "Key": _key(webhook.id),
            "UpdateExpression": "SET #sequence = :new",
            "ConditionExpression": "#sequence = :old",
            "ExpressionAttributeNames": {"#sequence": "sequence"},
            "ExpressionAttributeValues": {":old": encode(webhook.sequence), ":new": encode(newest)},
        }

    def delete(self, id: str) -> Webhook | None:
        """Removes a webhook, and returns what it was."""
        answer = self._client.delete_item(TableName=self._table, Key=_key(id), ReturnValues="ALL_OLD")
        return _decode(answer["Attributes"]) if "Attributes" in answer else None

    def _update(
        self,
        id: str,
        # Without it one that was deleted meanwhile would be there again.
        condition: str = "attribute_exists(id)",
        **update: Any,
    ) -> Webhook | None:
        """The webhook as it is then; None if the condition does not hold."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(id),
                ConditionExpression=condition,
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
