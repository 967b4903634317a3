"""Why an update has its status: a closed list, which docs/reasons.md shows beside the lists of others."""

from collections.abc import Mapping
from typing import Final

_PENDING, _MOVING, _DELIVERED, _FAILED = "pending", "in_transit", "delivered", "failed"

#: With the statuses that each may come with; the same names stand in UPDATE_SCHEMA.
REASONS: Final[Mapping[str, tuple[str, ...]]] = {
    "label_created": (_PENDING,),
    "cancelled": (_PENDING, _FAILED),
    "picked_up": (_MOVING,),
    "arrived_at_facility": (_MOVING,),
    "departed_facility": (_MOVING,),
    "arrived_in_country": (_MOVING,),
    "transferred_to_carrier": (_MOVING,),
    "redirected": (_MOVING,),
    "customs_clearance": (_MOVING,),
    "customs_inspection": (_MOVING,),
    "customs_held": (_MOVING, _FAILED),
    "customs_cleared": (_MOVING,),
    "documents_missing": (_PENDING, _MOVING, _FAILED),
    "payment_due": (_PENDING, _MOVING, _FAILED),
    "delayed": (_PENDING, _MOVING),
    "weather_delay": (_PENDING, _MOVING),
    "missorted": (_MOVING,),
    "delivery_scheduled": (_MOVING,),
    "out_for_delivery": (_MOVING,),
    "available_for_pickup": (_MOVING,),
    "delivered_to_recipient": (_DELIVERED,),
    "delivered_to_neighbor": (_DELIVERED,),
    "delivered_to_locker": (_DELIVERED,),
    "left_in_safe_place": (_DELIVERED,),
    "collected_by_recipient": (_DELIVERED,),
    "attempt_failed": (_MOVING, _FAILED),
    "recipient_absent": (_MOVING, _FAILED),
    "business_closed": (_MOVING, _FAILED),
    "address_incorrect": (_PENDING, _MOVING, _FAILED),
    "recipient_moved": (_MOVING, _FAILED),
    "refused_by_recipient": (_FAILED,),
    "not_collected": (_MOVING, _FAILED),
    "rejected_by_carrier": (_PENDING, _FAILED),
    "damaged": (_MOVING, _FAILED),
    "lost": (_FAILED,),
    "returning_to_sender": (_FAILED,),
    "returned_to_sender": (_FAILED,),
}
