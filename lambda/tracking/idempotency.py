"""The time at which a request with an Idempotency-Key was first seen.

An update without a timestamp takes the time of its arrival. A retry that takes the time of the first try
instead is the same update, which the store keeps once, wherever the first try was cut short.
"""

import hashlib
import json
from typing import Any, Final

from storage.attributes import decode_item, encode_item
from storage.dynamodb import Taken, call_dynamodb
from web.errors import ApiError

#: Seconds that a key is remembered.
EXPIRY: Final = 24 * 60 * 60


class FirstSeen:
    """Remembers keys in a table with the hash key `id` and the TTL attribute `expiration`."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def at(self, key: list[str], body: str, *, now: int) -> int:
        """The `now` (ms since the epoch) of the first request with `key` in 24 h.

        Raises Unavailable, and ApiError if that request had another body.
        """
        seen: dict[str, Any] = {
            "id": f"first-seen/{_digest(json.dumps(key))}",
            "body": _digest(body),
            "now": now,
            "expiration": now // 1000 + EXPIRY,
        }
        try:
            call_dynamodb(
                self._client.put_item,
                TableName=self._table,
                Item=encode_item(seen),
                # DynamoDB removes what has expired within days.
                ConditionExpression="attribute_not_exists(id) OR expiration < :now",
                ExpressionAttributeValues=encode_item({":now": now // 1000}),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except Taken as taken:
            seen = decode_item(taken.item)
            if seen["body"] != _digest(body):
                raise ApiError(422, "This Idempotency-Key came with another body before") from None
        return int(seen["now"])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
