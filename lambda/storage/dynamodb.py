"""Calls to DynamoDB, whose failures are the domain's."""

from collections.abc import Callable
from typing import Any

from runtime.aws import AwsError
from shipments.errors import Refused, TooLarge, Unavailable


class Taken(Exception):
    """The condition of a write does not hold; `item` is what is there."""

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__()
        self.item = item


def call_dynamodb(operation: Callable[..., Any], **request: Any) -> Any:
    """`operation(**request)` of a client. Raises Unavailable, Refused, Taken, or else AwsError."""
    try:
        return operation(**request)
    except AwsError as error:
        if error.retryable:
            raise Unavailable(error.code) from error
        if error.code == "ConditionalCheckFailedException":
            raise Taken(error.body["Item"]) from error
        if error.code == "ValidationException":
            raise (TooLarge if "Item size" in error.message else Refused)(error.message) from error
        raise
