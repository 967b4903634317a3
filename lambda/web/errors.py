"""The one shape of every error that the APIs answer."""

from collections.abc import Mapping, Sequence
from typing import Final

from runtime.telemetry import Telemetry
from shipments.document import Fault, Invalid
from shipments.errors import Ambiguous, Refused, TooLarge, Unavailable

#: Machine words of the error answers, by HTTP status. The gateway's own answers use them too.
CODES: Final = {
    400: "invalid_request",
    401: "unauthorized",
    403: "feature_disabled",
    404: "not_found",
    405: "method_not_allowed",
    409: "ambiguous",
    413: "too_large",
    415: "unsupported_media_type",
    422: "idempotency_key_reused",
    500: "internal_error",
    503: "unavailable",
}


class ApiError(Exception):
    """An answer other than 200; `error` is one sentence for a person."""

    def __init__(
        self,
        status: int,
        error: str,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.faults = faults
        self.headers = headers or {}

    def body(self, request_id: str) -> dict[str, object]:
        """The error as JSON has it."""
        return {
            "error": self.error,
            "code": CODES[self.status],
            "request_id": request_id,
            "errors": [fault._asdict() for fault in self.faults],
        }


def as_api_error(error: Exception, telemetry: Telemetry) -> ApiError:
    """What to answer to `error`; what is no fault of the caller is logged, and what is unknown also counted."""
    match error:
        case ApiError():
            return error
        case Invalid():
            return ApiError(400, f"Invalid request: {error}", error.faults)
        case Ambiguous():
            candidates = [Fault("/tracking_id", tracking_id) for tracking_id in error.ids]
            return ApiError(409, "Several carriers have a shipment with this number", candidates)
        case TooLarge():
            return ApiError(413, "An update has at most 400 KB, as DynamoDB counts them")
        case Refused():
            return ApiError(400, f"Invalid request: {error}")
        case Unavailable():
            telemetry.failure("The table does not answer", error)
            headers = {"Retry-After": "1"}
            return ApiError(503, "The service is busy; send the request again", headers=headers)
        case _:
            telemetry.failure("A fault in the function", error)
            telemetry.count("UnhandledException")
            return ApiError(500, "Internal server error")
