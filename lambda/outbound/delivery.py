"""A message on its way to a webhook."""

import random
from dataclasses import dataclass
from typing import Any, Final

#: Still to be delivered; delivered; given up; and of a pull feed, to be read.
PENDING, DELIVERED, FAILED, KEPT = "pending", "delivered", "failed", "kept"

_MINUTE, _HOUR = 60, 3600
#: Seconds between two tries, as Standard Webhooks proposes.
WAITS: Final = (
    5, 5 * _MINUTE, 30 * _MINUTE, *(hours * _HOUR for hours in (2, 5, 10, 14, 20, 24)),
)  # fmt: skip
#: Of a wait, which is longer by up to this part of it, so that what failed together does not come back together.
_JITTER = 0.1
#: Seconds that a receiver may ask to wait for.
_MAX_RETRY_AFTER = 24 * _HOUR

#: Seconds that a delivery is kept for, and can be replayed or read.
RETENTION: Final = 30 * 24 * _HOUR
#: ms after which it is sent to the queue once more if nobody has told of it.
GRACE: Final = 15 * _MINUTE * 1000


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message of one webhook; times are ms since the epoch."""

    webhook: str
    sequence: int
    """Grows by one with each message of the webhook."""
    id: str
    event: str
    body: str
    state: str
    created_at: int
    attempts: int = 0
    attempted_at: int | None = None
    next_attempt: int | None = None
    status: int | None = None
    """Of the last answer."""
    answer: str | None = None
    """The first KB of it."""
    error: str | None = None
    """Why there was none."""

    @property
    def visible(self) -> dict[str, Any]:
        """What those who manage webhooks are told."""
        return {name: value for name, value in vars(self).items() if name not in ("webhook", "body")}


def wait_after(attempts: int, retry_after: int | None) -> int | None:
    """ms until the next try after so many, or as the receiver asks for in seconds; None if there is no more."""
    if attempts > len(WAITS):
        return None
    planned = WAITS[attempts - 1] * (1 + random.random() * _JITTER)  # noqa: S311
    return int(1000 * max(planned, min(retry_after or 0, _MAX_RETRY_AFTER)))
