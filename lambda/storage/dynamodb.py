"""Calls to DynamoDB, whose failures are the domain's."""

from collections.abc import Callable
from typing import Any

from botocore import exceptions

from shipments.errors import Refused, TooLarge, Unavailable

#: Error codes with which AWS asks to come back later.
_THROTTLES = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TransactionInProgressException",
}


def call_dynamodb(operation: Callable[..., Any], **request: Any) -> Any:
    """`operation(**request)` of a DynamoDB client; raises Unavailable, Refused, or botocore's ClientError."""
    try:
        return operation(**request)
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise Unavailable(type(error).__name__) from error
    except exceptions.ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in _THROTTLES or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise Unavailable(code) from error
        if code == "ValidationException":
            raise (TooLarge if "Item size" in message else Refused)(message) from error
        raise
