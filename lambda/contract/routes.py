"""The routes of the signed tracking API, for the function that answers, the stack, and the OpenAPI document."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from contract import BATCH_SCHEMA, UPDATE_SCHEMA

#: ms since the epoch: the year 33658.
MAX_TIME: Final = 10**15 - 1


class Parameter(NamedTuple):
    """A text in the query; one that is named as an update's field may be what that may be.

    Of `choices`, if there are any, the first is the default. A `flag` is `true` or not there.
    """

    name: str
    required: bool = False
    meaning: str = ""
    choices: tuple[str, ...] = ()
    flag: bool = False


class WholeNumber(NamedTuple):
    """A number in the query, with its default."""

    name: str
    minimum: int
    maximum: int
    default: int
    meaning: str = ""
    unit: str = ""
    required: bool = False


class Body(NamedTuple):
    """A request's body: the name of its schema, that of its model at API Gateway, and the schema's file."""

    name: str
    model: str
    schema: Path


class Route(NamedTuple):
    """A method of a path; `answer` names the schema of a success, `flag` what can switch the route off.

    A part of the path in braces may be what an update's field of that name may be.
    """

    method: str
    path: str
    summary: str
    answer: str
    body: Body | None = None
    parameters: tuple[Parameter | WholeNumber, ...] = ()
    flag: str = ""

    @property
    def key(self) -> str:
        """As in ``GET /status``."""
        return f"{self.method} {self.path}"

    @property
    def path_parameters(self) -> list[str]:
        """The names in braces."""
        return re.findall("{(.*?)}", self.path)


LIMIT: Final = WholeNumber("limit", 1, 100, default=10)
ORDER: Final = Parameter(
    "order",
    meaning="By the time since when they have the status, are stalled or overdue; not with a reference. Of the stalled "
    "and overdue ones the oldest come first.",
    choices=("newest", "oldest"),
)
STALLED: Final = Parameter(
    "stalled", meaning="Those that have not moved for too long, instead of a status.", flag=True
)
OVERDUE: Final = Parameter(
    "overdue", meaning="Those whose estimated delivery has passed, instead of a status.", flag=True
)
LAST_KEY: Final = Parameter("last_key", meaning="The `next_key` of an answer to the same query.")
SINCE: Final = WholeNumber("since", 0, MAX_TIME, 0, "Included.", "ms since the epoch")
AS_OF: Final = WholeNumber(
    "as_of", 0, MAX_TIME, MAX_TIME, "Leaves out what arrived later.", "ms since the epoch"
)
UNTIL: Final = WholeNumber("until", 0, MAX_TIME, MAX_TIME, "Included.", "ms since the epoch")

ROUTES: Final = (
    Route(
        "POST",
        "/track",
        "Store an update",
        "StoredUpdate",
        body=Body("Update", "TrackingModel", UPDATE_SCHEMA),
    ),
    Route(
        "POST",
        "/track/batch",
        "Store up to 100 updates, each on its own",
        "BatchResult",
        body=Body("Batch", "TrackingBatchModel", BATCH_SCHEMA),
        flag="batch_processing",
    ),
    Route(
        "GET",
        "/status",
        "The history of a shipment, newest first",
        "History",
        parameters=(Parameter("tracking_id", required=True), AS_OF, LIMIT, LAST_KEY),
    ),
    Route(
        "GET",
        "/updates",
        "The updates with a status, newest first",
        "Updates",
        parameters=(Parameter("status", required=True), SINCE, UNTIL, LIMIT, LAST_KEY),
    ),
    Route(
        "GET",
        "/shipments",
        "The shipments that have a status now, have a reference, are stalled or overdue",
        "Shipments",
        parameters=(
            Parameter("status", meaning="One of this, a reference, stalled and overdue."),
            Parameter("reference", meaning="One of the shipment's references."),
            STALLED,
            OVERDUE,
            ORDER,
            LIMIT,
            LAST_KEY,
        ),
    ),
    Route("GET", "/shipments/{tracking_id}", "What is true of a shipment now", "Shipment"),
)
