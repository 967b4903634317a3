"""Every text of the customer's page; a translation is another module like this one."""

from typing import Final

LANGUAGE: Final = "en"
NAME: Final = "Shipment tracking"

STATUSES: Final = {
    "pending": "Registered",
    "in_transit": "In transit",
    "delivered": "Delivered",
    "failed": "Delivery failed",
}
NORTH, SOUTH, EAST, WEST = "N", "S", "E", "W"

SEARCH: Final = "Tracking number"
FIND: Final = "Track"
HOME: Final = "Where is your parcel?"
HOME_HINT: Final = "Enter the tracking number that the sender gave you."

SHIPMENT: Final = "Shipment {id}"
PROGRESS: Final = "Progress"
NEAR: Final = "Near {town}"
MAP: Final = "Map. Start: {start}. Newest position: {end}."
MAP_OF_ONE: Final = "Map. Newest position: {end}."
CREDITS: Final = "Positions are rounded to about a kilometre. Map: Natural Earth. Towns: GeoNames, CC BY 4.0."
HISTORY: Final = "History"
TIMES: Final = "Times are in UTC."
#: With the script, while it can reach us, and while it cannot.
LIVE: Final = "Times are your local ones. This page updates itself."
STALE: Final = "Times are your local ones. This page could not be updated just now, and keeps trying."
EARLIER: Final = "Earlier updates"
LATEST: Final = "Latest updates"

MISSING: Final = "Nothing is known of this number"
MISSING_HINT: Final = "Please check the number. A new shipment can be seen from its first scan on."
INVALID: Final = "This link does not work"
INVALID_HINT: Final = "Please enter the tracking number again."
FAILURE: Final = "We cannot look right now"
FAILURE_HINT: Final = "Please try again in a moment."
