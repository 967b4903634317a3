"""Why what is known of shipments cannot be read or added to."""


class Unavailable(Exception):
    """DynamoDB throttles, fails or does not answer, or time is up; the same request may succeed later."""


class Refused(Exception):
    """DynamoDB does not take the update, or the position in a list; the message is its own."""


class TooLarge(Refused):
    """The update has more than DynamoDB's 400 KB an item."""
