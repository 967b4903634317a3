"""What a receiver is told to see what it does: each journey is that of a shipment of its own."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from contract import ESTIMATE_CHANGED, MOVING_AGAIN, OVERDUE, STALLED, STATUS_CHANGED
from outbound.secret import Secret, make_secret, signed

#: Seconds that the clocks of sender and receiver may differ, as the libraries of Standard Webhooks have it.
TOLERANCE: Final = 5 * 60
MINUTE: Final = 60_000
_DAY: Final = 24 * 60 * MINUTE
_ESTIMATE: Final = 1_800_000_000_000

Proven = tuple[dict[str, str], bytes]
"""Headers and body."""


def _sign(id: str, body: bytes, secrets: Sequence[str], now: int) -> Proven:
    return signed(id, body, [Secret(secret) for secret in secrets], now), body


def genuine(id: str, body: bytes, secret: str, now: int) -> Proven:
    """As a message is sent; as those below, at `now` in ms since the epoch."""
    return _sign(id, body, [secret], now)


def _own_first(id: str, body: bytes, secret: str, now: int) -> Proven:
    return _sign(id, body, [secret, make_secret()], now)


def _own_second(id: str, body: bytes, secret: str, now: int) -> Proven:
    return _sign(id, body, [make_secret(), secret], now)


def _of_another(id: str, body: bytes, secret: str, now: int) -> Proven:
    return _sign(id, body, [make_secret()], now)


def _old(id: str, body: bytes, secret: str, now: int) -> Proven:
    return _sign(id, body, [secret], now - 2 * TOLERANCE * 1000)


def _changed(id: str, body: bytes, secret: str, now: int) -> Proven:
    return _sign(id, body, [secret], now)[0], body.replace(b"in_transit", b"delivered")


def _forged(id: str, body: bytes, secret: str, now: int) -> Proven:
    headers, _ = _of_another(id, body, secret, now)
    return headers | {"webhook-signature": "v1,Zm9yZ2Vk"}, body


def _unsigned(id: str, body: bytes, secret: str, now: int) -> Proven:
    headers, _ = _sign(id, body, [secret], now)
    del headers["webhook-signature"]
    return headers, body


class Step(NamedTuple):
    """A message."""

    version: int
    status: str
    event: str = STATUS_CHANGED
    members: Mapping[str, Any] = MappingProxyType({})
    """Others than a message usually has."""
    proof: Callable[[str, bytes, str, int], Proven] = genuine
    refused: bool = False
    """Whether the receiver has to refuse it."""
    age: int = 0
    """ms since the event, beside a minute for each version."""


class Journey(NamedTuple):
    """The messages about a shipment."""

    name: str
    steps: Sequence[Step]
    advice: str
    """What to do about a receiver that answers another way."""
    stateful: bool = False
    """Whether it depends on what the receiver keeps if it does right."""


_ANSWER: Final = "answer 2xx to what its secret proves, and do the work afterwards"
_REFUSE: Final = "answer 401, as the libraries of Standard Webhooks have it"
_OLD_VERSIONS: Final = (
    "answer 2xx, and drop a message whose version is not greater than the last of its tracking_id"
)
_BEGIN: Final = Step(1, "in_transit")


def _attack(name: str, proof: Callable[..., Proven], advice: str, *, stateful: bool = False) -> Journey:
    attack = Step(2, "in_transit", proof=proof, refused=True)
    return Journey(name, [_BEGIN, attack], advice, stateful)


JOURNEYS: Final = [
    Journey(
        "delivered",
        [
            Step(1, "pending"),
            Step(2, "in_transit", members={"place": {"city": "Berlin", "country": "DE"}, "carrier": "DHL"}),
            Step(
                3,
                "in_transit",
                ESTIMATE_CHANGED,
                {"estimated_delivery": {"from": _ESTIMATE, "to": _ESTIMATE + _DAY}},
            ),
            Step(4, "in_transit", OVERDUE),
            Step(5, "delivered", members={"location": {"lat": 52.52, "lng": 13.405}}),
        ],
        _ANSWER,
        stateful=True,
    ),
    Journey(
        "late scan",
        [_BEGIN, Step(4, "delivered")],
        "take versions with gaps: nothing is told of a scan that comes late",
    ),
    Journey(
        "doubled",
        [_BEGIN, Step(2, "delivered"), Step(2, "delivered"), _BEGIN],
        "answer 2xx to a webhook-id that was taken already, and do nothing more",
        stateful=True,
    ),
    Journey("out of order", [Step(2, "delivered"), _BEGIN], _OLD_VERSIONS, stateful=True),
    Journey(
        "failed, then delivered",
        [_BEGIN, Step(2, "failed"), Step(3, "delivered")],
        "let no status be the last: what failed may be delivered",
        stateful=True,
    ),
    Journey(
        "stalled and moving again",
        [_BEGIN, Step(2, "in_transit", STALLED), Step(3, "in_transit", MOVING_AGAIN)],
        "take every event, whether its status is another or not",
    ),
    Journey(
        "number used again",
        [_BEGIN, Step(2, "delivered"), Step(3, "pending"), Step(4, "in_transit")],
        "let no status be the last: carriers use numbers again",
        stateful=True,
    ),
    Journey(
        "told after 24 hours",
        [Step(1, "in_transit", age=_DAY)],
        "compare the clock with webhook-timestamp alone, since what happened may be long ago",
    ),
    Journey(
        "an event that is new", [Step(1, "in_transit", "certify")], "answer 2xx to events that it ignores"
    ),
    Journey(
        "members that are new",
        [Step(1, "in_transit", members={"certify": {"new": [1, None, "é"]}})],
        "ignore members that it does not know",
    ),
    Journey("two secrets, its own first", [_BEGIN._replace(proof=_own_first)], _ANSWER),
    Journey(
        "two secrets, its own second",
        [_BEGIN._replace(proof=_own_second)],
        "accept a message if one of its signatures is right: after a change of the secret there are two for a day",
    ),
    _attack("signed with another secret", _of_another, _REFUSE),
    _attack("a forged signature", _forged, _REFUSE),
    _attack("no signature", _unsigned, _REFUSE),
    _attack("a changed body", _changed, f"{_REFUSE}, and verify the body's very bytes", stateful=True),
    _attack("a replay", _old, f"refuse a webhook-timestamp that is more than {TOLERANCE // 60} minutes off"),
]
