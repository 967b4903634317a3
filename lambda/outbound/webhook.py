"""A webhook: who is told, and of what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from outbound.secret import Secret

ACTIVE: Final = "active"
DISABLED: Final = "disabled"
PLAIN: Final = "plain"
CLOUDEVENTS: Final = "cloudevents"

#: The media type of a message, by the webhook's format.
MEDIA_TYPES: Final = {PLAIN: "application/json", CLOUDEVENTS: "application/cloudevents+json"}

#: Failures in a row after which a receiver gets one delivery a minute, until one succeeds.
MAX_FAILURES: Final = 10
#: ms between two of those.
TRIAL_INTERVAL: Final = 60_000

#: What chooses messages, with the member of a message that it is compared with.
_FILTERS = {"events": "event", "statuses": "status", "carriers": "carrier"}
#: Messages of the queue that may be delivered to one receiver at once, so that one that hangs holds no more runs.
LANES: Final = 4


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A webhook; times are ms since the epoch."""

    id: str
    created_at: int
    secrets: list[Secret] = field(repr=False)
    """The newest first. Of a pull feed they are hashes of tokens."""
    url: str | None = None
    """None for a pull feed."""
    events: list[str] = field(default_factory=list)
    """This, `statuses` and `carriers` are those that it is told of; empty for all."""
    statuses: list[str] = field(default_factory=list)
    carriers: list[str] = field(default_factory=list)
    description: str = ""
    format: str = PLAIN
    state: str = ACTIVE
    sequence: int = 0
    """Of its newest message."""
    failures: int = 0
    """In a row."""
    blocked_until: int | None = None
    """While it is set, deliveries are put aside; from this time on one of them is tried."""
    lanes: dict[str, int] = field(default_factory=dict)
    """Those that are taken, with until when at most."""
    replay: list[int] | None = None
    """The first and the last sequence number of what has still to be sent again."""
    replay_failed: bool = False
    """Of these, only what was given up."""

    def wants(self, message: Mapping[str, Any]) -> bool:
        """Whether it is told of a notification."""
        chosen = ((getattr(self, name), message.get(member)) for name, member in _FILTERS.items())
        return self.state == ACTIVE and all(not values or value in values for values, value in chosen)

    @property
    def visible(self) -> dict[str, Any]:
        """What those who manage webhooks are told."""
        hidden = {"secrets", "sequence", "lanes", "replay", "replay_failed"}
        return {name: value for name, value in vars(self).items() if name not in hidden}
