"""The time at which a request with an Idempotency-Key was first seen.

An update without a timestamp takes the time of its arrival. A retry that takes the time of the first try
instead is the same update, which the store keeps once, wherever the first try was cut short.

Loaded for the first request with a key only, since Powertools' idempotency imports boto3.
"""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)

from shipments.errors import Unavailable
from storage.dynamodb import call_dynamodb
from web.errors import ApiError

#: Seconds that a key is remembered.
EXPIRY: Final = 24 * 60 * 60

_WAITS = 10
_WAIT_SECONDS = 0.1


class FirstSeen:
    """Remembers keys in a table with the hash key `id` and the TTL attribute `expiration`."""

    def __init__(self, client: Any, table: str) -> None:
        self._config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="body",
            expires_after_seconds=EXPIRY,
            hash_function="sha256",
        )

        def first_seen(request: dict[str, Any]) -> dict[str, int]:
            return {"now": request["now"]}

        self._first_seen = idempotent_function(
            first_seen,
            data_keyword_argument="request",
            persistence_store=DynamoDBPersistenceLayer(table, boto3_client=client),
            config=self._config,
            key_prefix="first-seen",
        )

    def at(self, key: list[str], body: str, *, now: int, deadline: float, remaining_seconds: float) -> int:
        """The `now` (ms since the epoch) of the first request with `key` in 24 h.

        Raises Unavailable, also while that request is not finished, and ApiError if it had another body.
        No further call begins after `deadline`, on the clock of `time.monotonic`.
        `remaining_seconds` is what is left of this invocation: for as long the key is locked if it dies.
        """
        self._config.register_lambda_context(
            SimpleNamespace(get_remaining_time_in_millis=lambda: int(remaining_seconds * 1000))  # type: ignore[arg-type]
        )
        for _ in range(_WAITS):
            try:
                seen: dict[str, int] = call_dynamodb(
                    _with_cause, function=self._first_seen, request={"key": key, "body": body, "now": now}
                )
                return seen["now"]
            except IdempotencyValidationError:
                raise ApiError(422, "This Idempotency-Key came with another body before") from None
            except IdempotencyAlreadyInProgressError:
                time.sleep(_WAIT_SECONDS)
            if time.monotonic() > deadline:
                break
        raise Unavailable("a request with the same Idempotency-Key is not finished")


def _with_cause(function: Callable[..., dict[str, int]], request: dict[str, Any]) -> dict[str, int]:
    """`function(request=request)`, whose calls fail with DynamoDB's own error."""
    try:
        return function(request=request)
    except IdempotencyPersistenceLayerError as error:
        raise error.__cause__ or error from None
