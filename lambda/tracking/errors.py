"""The one shape of every error that the API answers."""

from collections.abc import Mapping, Sequence
from typing import Final

from shipments.update import Fault

#: Machine words of the error answers, by HTTP status. The gateway's own answers use them too.
CODES: Final = {
    400: "invalid_request",
    403: "feature_disabled",
    404: "not_found",
    405: "method_not_allowed",
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
