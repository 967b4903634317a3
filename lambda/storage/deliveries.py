"""The table of deliveries: what each webhook is told, numbered without gaps."""

import random
import time
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import contract
from outbound.delivery import GRACE, KEPT, PENDING, RETENTION, Delivery
from outbound.message import Message
from outbound.webhook import ACTIVE, Webhook
from storage.attributes import Item, assignment, decode_item, encode, encode_item
from storage.webhooks import WebhookStore

#: Messages of a transaction, which takes 100 writes at most; the more it has, the longer others wait for the webhook.
_BATCH = 25
#: Others may number messages of the same webhook at the same time.
_ATTEMPTS, _LONGEST_WAIT = 20, 0.2
_DUE = contract.DELIVERIES_INDEX.time


class Contended(Exception):
    """So many others number messages of the same webhook that this was not done."""


class DeliveryStore:
    """Keeps deliveries; for many threads. Every method raises the errors of boto3's client of DynamoDB.

    Args:
        webhooks: each of them has the number of its newest message.
    """

    def __init__(self, client: Any, table: str, webhooks: WebhookStore) -> None:
        self._client = client
        self._table = table
        self._webhooks = webhooks

    def add(self, webhook: Webhook, messages: Sequence[Message]) -> list[int]:
        """Adds messages of a webhook, and returns their numbers; none if it is no longer there, or disabled.

        Whoever sees a number sees all that are less than it. Raises Contended.
        """
        numbers: list[int] = []
        for start in range(0, len(messages), _BATCH):
            numbers += self._add(webhook, messages[start : start + _BATCH])
        return numbers

    def _add(self, webhook: Webhook, messages: Sequence[Message]) -> list[int]:
        for _ in range(_ATTEMPTS):
            found = self._webhooks.get(webhook.id)
            if not found or found.state != ACTIVE:
                return []
            first = found.sequence + 1
            numbers = list(range(first, first + len(messages)))
            now = int(time.time() * 1000)
            puts = [
                {"TableName": self._table, "Item": _encode(webhook, number, message, now)}
                for number, message in zip(numbers, messages, strict=True)
            ]
            try:
                self._client.transact_write_items(
                    TransactItems=[
                        {"Update": self._webhooks.numbering(found, numbers[-1])},
                        *({"Put": put} for put in puts),
                    ]
                )
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = {reason["Code"] for reason in error.response.get("CancellationReasons", [])}
                if reasons - {"None", "ConditionalCheckFailed", "TransactionConflict"}:
                    raise
                time.sleep(random.random() * _LONGEST_WAIT)  # noqa: S311
            else:
                return numbers
        raise Contended

    def get(self, webhook: str, sequence: int) -> Delivery | None:
        """A delivery as it is now."""
        answer = self._client.get_item(
            TableName=self._table, Key=_key(webhook, sequence), ConsistentRead=True
        )
        return _decode(answer["Item"]) if "Item" in answer else None

    def newest(self, webhook: str, *, before: int, limit: int) -> list[Delivery]:
        """The deliveries with a number less than `before`, the newest first."""
        return self._query(webhook, 1, before - 1, Limit=limit, ScanIndexForward=False)

    def after(self, webhook: str, sequence: int, limit: int) -> list[Delivery]:
        """The deliveries with a greater number, in order, without a gap but for what has expired."""
        found = self._query(webhook, sequence + 1, sequence + limit, ConsistentRead=True)
        numbers = [delivery.sequence for delivery in found]
        if not numbers or numbers == list(range(sequence + 1, numbers[-1] + 1)):
            return found
        # A query is not one moment: what was written before the last that it found may have come to a place that it
        # had passed. It is all there now.
        return self._query(webhook, sequence + 1, numbers[-1], ConsistentRead=True)

    def due(self, webhook: str, now: int, limit: int) -> list[tuple[int, int]]:
        """The number of what is due at `now`, in ms since the epoch, each with its time; the longest due first."""
        index = contract.DELIVERIES_INDEX
        answer = self._client.query(
            TableName=self._table,
            IndexName=index.name,
            KeyConditionExpression="#key = :key AND #time <= :now",
            ExpressionAttributeNames={"#key": index.key, "#time": index.time},
            ExpressionAttributeValues={":key": encode(webhook), ":now": encode(now)},
            Limit=limit,
        )
        return [(int(item["sequence"]["N"]), int(item[index.time]["N"])) for item in answer["Items"]]

    def claim(self, webhook: str, sequence: int, due: int, until: int) -> bool:
        """Has nobody else look at a delivery, which is due at `due`, before `until`; whether it was still due then."""
        update = assignment({_DUE: until})
        update["ExpressionAttributeValues"][":was"] = encode(due)
        return self._update(webhook, sequence, f"#{_DUE} = :was", update)

    def change(self, webhook: str, sequence: int, *, due: int | None, **members: Any) -> None:
        """Sets members of a delivery, if it is still there, and when it has to be looked at.

        Args:
            due: ms since the epoch; None for never.
        """
        self._update(
            webhook,
            sequence,
            f"attribute_exists({contract.DELIVERY_EXPIRES})",
            assignment({**members, _DUE: due}),
        )

    def restart(self, webhook: str, sequence: int, state: str | None, now: int) -> bool:
        """Has a delivery, if it is still there, sent again from `now` on, in ms since the epoch; whether it is.

        Args:
            state: that it has to have; None for any.
        """
        update = assignment({"attempts": 0, "state": PENDING, "next_attempt": now, _DUE: now})
        condition = f"attribute_exists({contract.DELIVERY_EXPIRES})"
        if state:
            update["ExpressionAttributeValues"][":was"] = encode(state)
            condition = "#state = :was"
        return self._update(webhook, sequence, condition, update)

    def first_since(self, webhook: Webhook, since: int) -> int:
        """The number of the first message that was made at `since`, in ms since the epoch, or later."""
        low, high = 1, webhook.sequence + 1
        while low < high:
            middle = (low + high) // 2
            found = self.get(webhook.id, middle)
            # What has expired is older.
            if found and found.created_at >= since:
                high = middle
            else:
                low = middle + 1
        return low

    def _query(self, webhook: str, first: int, last: int, **options: Any) -> list[Delivery]:
        if last < first:
            return []
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="#webhook = :webhook AND #sequence BETWEEN :first AND :last",
            ExpressionAttributeNames={"#webhook": "webhook", "#sequence": "sequence"},
            ExpressionAttributeValues={
                ":webhook": encode(webhook),
                ":first": encode(first),
                ":last": encode(last),
            },
            **options,
        )
        return [_decode(item) for item in answer["Items"]]

    def _update(self, webhook: str, sequence: int, condition: str, update: dict[str, Any]) -> bool:
        """Whether the condition held."""
        try:
            self._client.update_item(
                TableName=self._table, Key=_key(webhook, sequence), ConditionExpression=condition, **update
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _key(webhook: str, sequence: int) -> Item:
    return {"webhook": encode(webhook), "sequence": encode(sequence)}


def _encode(webhook: Webhook, sequence: int, message: Message, now: int) -> Item:
    pushed = {"state": PENDING, _DUE: now + GRACE, "next_attempt": now}
    return encode_item(
        {
            "webhook": webhook.id,
            "sequence": sequence,
            **message._asdict(),
            "created_at": now,
            **(pushed if webhook.url else {"state": KEPT}),
            contract.DELIVERY_EXPIRES: now // 1000 + RETENTION,
        }
    )


def _decode(item: Item) -> Delivery:
    members = decode_item(item)
    return Delivery(
        **{field.name: members[field.name] for field in fields(Delivery) if field.name in members}
    )
