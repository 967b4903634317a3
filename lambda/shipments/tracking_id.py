"""The ids of shipments: what looks the same to a person is the same id."""

import unicodedata

from shipments.document import Fault, Invalid

#: Unicode's general categories of control, formatting (invisible, or turning the direction), surrogate and unassigned
#: characters; the last are of the Unicode version that Python has.
_REFUSED = {"Cc", "Cf", "Cs", "Cn"}


def normalize(tracking_id: str) -> str:
    """`tracking_id` in the form in which ids are stored: NFC, without white space at its ends."""
    return unicodedata.normalize("NFC", tracking_id).strip()


def of_carrier(carrier: str, number: str) -> str:
    """The tracking id of a shipment with a number that is unique to a carrier."""
    return f"{carrier}:{number}"


def is_of_carrier(tracking_id: str, number: str) -> bool:
    """Whether `tracking_id` is that of a shipment with the number, of whatever carrier."""
    carrier, _, rest = tracking_id.partition(":")
    return bool(carrier) and rest == number


def check_tracking_id(tracking_id: str, pointer: str = "/tracking_id") -> None:
    """Raises Invalid if no new update may have `tracking_id`; an old one may.

    Shipments are looked up by references too, which `pointer` tells apart.
    """
    refused = next((char for char in tracking_id if unicodedata.category(char) in _REFUSED), None)
    if refused:
        detail = (
            f"must not contain U+{ord(refused):04X}, which is a control, invisible or unassigned character"
        )
    elif tracking_id != tracking_id.strip():
        detail = "must not begin or end with white space"
    elif not unicodedata.is_normalized("NFC", tracking_id):
        detail = "must be in the Unicode normalization form NFC"
    else:
        return
    raise Invalid([Fault(pointer, detail)])
