"""The routes of the partners' API, for the functions that answer, the stack, and the OpenAPI document."""

from typing import Final

from contract.routes import Route

#: Whoever calls these proves itself to the function.
INBOUND_ROUTES: Final = (
    Route(
        "POST",
        "/inbound/{source}",
        "Send what happened to shipments, as a vendor's webhook has it",
        "Received",
    ),
)
