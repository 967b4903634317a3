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
REASONS: Final = {
    "label_created": "The sender has announced it",
    "cancelled": "Cancelled",
    "picked_up": "Picked up from the sender",
    "arrived_at_facility": "Arrived at a facility",
    "departed_facility": "Left a facility",
    "arrived_in_country": "Arrived in the country of destination",
    "transferred_to_carrier": "Handed to another carrier",
    "redirected": "On its way to another address",
    "customs_clearance": "In customs clearance",
    "customs_inspection": "Selected for an inspection by customs",
    "customs_held": "Held by customs",
    "customs_cleared": "Cleared by customs",
    "documents_missing": "Documents are missing",
    "payment_due": "A payment is due",
    "delayed": "Delayed",
    "weather_delay": "Delayed by the weather",
    "missorted": "Sent to a wrong facility",
    "delivery_scheduled": "The delivery is scheduled",
    "out_for_delivery": "Out for delivery",
    "available_for_pickup": "Ready to be collected",
    "delivered_to_recipient": "Handed to the recipient",
    "delivered_to_neighbor": "Left with a neighbour",
    "delivered_to_locker": "Left in a parcel locker",
    "left_in_safe_place": "Left in a safe place",
    "collected_by_recipient": "Collected by the recipient",
    "attempt_failed": "An attempt to deliver failed",
    "recipient_absent": "Nobody was there",
    "business_closed": "The business was closed",
    "address_incorrect": "The address is not right",
    "recipient_moved": "The recipient has moved",
    "refused_by_recipient": "Refused by the recipient",
    "not_collected": "Not collected",
    "rejected_by_carrier": "Rejected by the carrier",
    "damaged": "Damaged",
    "lost": "Lost",
    "returning_to_sender": "On its way back to the sender",
    "returned_to_sender": "Back with the sender",
}
NORTH, SOUTH, EAST, WEST = "N", "S", "E", "W"

SEARCH: Final = "Tracking number"
FIND: Final = "Track"
HOME: Final = "Where is your parcel?"
HOME_HINT: Final = "Enter the tracking number that the sender gave you."

SHIPMENT: Final = "Shipment {id}"
PROGRESS: Final = "Progress"
EXPECTED: Final = "Expected by {end}."
EXPECTED_BETWEEN: Final = "Expected between {start} and {end}."
WAS_EXPECTED: Final = "Was expected by {end}."
#: From QUIET_DAYS of page.py on.
QUIET: Final = "No news for {days} days."
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
CHOICE: Final = "Which carrier?"
CHOICE_HINT: Final = "Several carriers have a shipment with this number."
INVALID: Final = "This link does not work"
INVALID_HINT: Final = "Please enter the tracking number again."
FAILURE: Final = "We cannot look right now"
FAILURE_HINT: Final = "Please try again in a moment."
