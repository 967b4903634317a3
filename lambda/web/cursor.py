"""The tokens with which a caller goes on to the next page.

A token is the position after which the page starts, and a checksum over it and the query that it belongs to,
so that a token of another query, or a changed one, is refused. The checksum is no secret and need not be one:
the key is built from the query's own shipment or status, so whoever computes a token of their own gets to
updates that the same query shows without any, and nowhere else.
"""

import base64
import hashlib
import json

from shipments.page import Position

_CHECKSUM_BYTES = 9
_MARK = "#"

Query = tuple[str | int, ...]


def encode(position: Position, query: Query) -> str:
    """The token for `position` in the pages of `query`; fit for a URL as it is."""
    # Without the mark, as where there is one shard, it is a token of any release.
    shard = f"{_MARK}{position.shard}" if position.shard else ""
    content = f"{position.timestamp}{shard} {position.tracking_id}".encode()
    checksum = hashlib.sha256(json.dumps(query).encode() + content).digest()[:_CHECKSUM_BYTES]
    return base64.urlsafe_b64encode(checksum + content).decode().rstrip("=")


def decode(token: str, query: Query) -> Position:
    """The position in `token`. Raises ValueError if it is not a token of `query`."""
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    place, _, tracking_id = raw[_CHECKSUM_BYTES:].decode().partition(" ")
    timestamp, _, shard = place.partition(_MARK)
    position = Position(tracking_id, int(timestamp), int(shard or 0))
    if encode(position, query) != token:
        raise ValueError("not a token of this query")
    return position
