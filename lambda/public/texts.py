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
TIMES_WITH_SCRIPT: Final = "Times are your local ones. This page updates itself."
EARLIER: Final = "Earlier updates"
LATEST: Final = "Latest updates"

MISSING: Final = "Nothing is known of this number"
MISSING_HINT: Final = "Please check the number. A new shipment can be seen from its first scan on."
FAILURE: Final = "That did not work"
