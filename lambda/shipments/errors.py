"""Why what is known of shipments cannot be read or added to."""

from collections.abc import Sequence


class Unavailable(Exception):
    """DynamoDB throttles, fails or does not answer, or time is up; the same request may succeed later."""


class Ambiguous(Exception):
    """Several carriers have a shipment with a number; `ids` are its tracking ids."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__()
        self.ids = ids


class Refused(Exception):
    """DynamoDB does not take the update, or the position in a list; the message is its own."""


class TooLarge(Refused):
    """The update has more than DynamoDB's 400 KB an item."""
