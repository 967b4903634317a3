"""Plays the journeys to a receiver, with the code that delivers in AWS, and judges it by its answers.

What a receiver keeps is not in its answers: it is asked for that where it says how.
"""

import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import quote

from delivery.receiver import LIMIT, Answer, post
from outbound.message import render, sample
from outbound.webhook import MEDIA_TYPES
from tools.certify.journeys import JOURNEYS, MINUTE, Journey, Step
from tools.certify.report import NOT_CHECKED, RIGHT, WRONG, Result, printable

#: A receiver may do the work after it has answered.
STATE_ATTEMPTS, SECONDS_BETWEEN = 5, 1.0
ID = "{tracking_id}"
#: Characters of an answer that are shown.
_SHOWN = 100


class Receiver(NamedTuple):
    """Who is told."""

    url: str
    """As outbound.addresses.check_url allows it."""
    secret: str
    kind: str
    """The format of the messages."""
    state: str | None = None
    """The URL that answers what it keeps of a shipment, with ID in it."""

    def certify(self) -> Iterator[Result]:
        """What comes of each check. Raises nothing, whatever the receiver answers."""
        run, slowest, goes_on = uuid.uuid4().hex[:8], 0.0, True
        for number, journey in enumerate(JOURNEYS):
            part = _Part(self, journey, f"CERTIFY-{run}-{number}", _now())
            for name, check in part.checks().items():
                began = time.monotonic()
                outcome, said = check() if goes_on else (NOT_CHECKED, "its answers do not let it go on.")
                yield Result(name, outcome, said, time.monotonic() - began)
                # Who does not take what is beyond doubt is not to be told that it is wrong 20 times.
                goes_on = goes_on and (number > 0 or name != journey.name or outcome == RIGHT)
            slowest = max(slowest, part.slowest)
        outcome, advice = RIGHT, "."
        if slowest >= LIMIT:
            outcome, advice = WRONG, ", which is too late; answer first, and do the work afterwards."
        yield Result("speed", outcome, f"its slowest answer took {slowest:.1f} s of {LIMIT:.0f}{advice}")


class _Part:
    """A journey that a receiver is told; `started` is ms since the epoch, of which its versions are made too."""

    def __init__(self, receiver: Receiver, journey: Journey, tracking_id: str, started: int) -> None:
        self._receiver, self._journey, self._started = receiver, journey, started
        self._tracking_id = tracking_id
        self.slowest = 0.0
        """Seconds of an answer."""

    def checks(self) -> dict[str, Callable[[], tuple[str, str]]]:
        """By its name, what gives the outcome of a check with what is told of it."""
        name = self._journey.name
        return {name: self._play} | ({f"{name}: kept": self._look} if self._journey.stateful else {})

    def _play(self) -> tuple[str, str]:
        answers, steps = [], self._journey.steps
        for place, step in enumerate(steps, 1):
            began = time.monotonic()
            answer = self._send(step)
            self.slowest = max(self.slowest, time.monotonic() - began)
            if not _is_right(answer, step):
                which = f"to message {place} of {len(steps)} " if len(steps) > 1 else ""
                return WRONG, f"{which}{_said(answer)}; {self._journey.advice}."
            answers.append(str(answer.status))
        return RIGHT, f"it answered {', '.join(answers)}."

    def _send(self, step: Step) -> Answer:
        """The answer to a message that is the same whenever it is sent."""
        previous = max((one[:2] for one in self._journey.steps if one.version < step.version), default=None)
        id = f"{self._tracking_id}-{step.version}"
        notification = sample(id, self._started) | {
            "event": step.event,
            "tracking_id": self._tracking_id,
            "version": self._started + step.version,
            "status": step.status,
            "previous_status": previous and previous[1],
            "timestamp": self._started - step.age + (step.version - len(self._journey.steps)) * MINUTE,
            **step.members,
        }
        kind = self._receiver.kind
        message = render(notification, kind, "certify")
        headers, body = step.proof(id, message.body.encode(), self._receiver.secret, _now())
        return post(self._receiver.url, {"Content-Type": MEDIA_TYPES[kind], **headers}, body, local=True)

    def _look(self) -> tuple[str, str]:
        """Whether the receiver keeps what the newest message said of those that it had to take."""
        if self._receiver.state is None:
            return NOT_CHECKED, "set STATE to the URL that answers what it keeps."
        number, status = max(step[:2] for step in self._journey.steps if not step.refused)
        version = self._started + number
        expected = {"tracking_id": self._tracking_id, "version": version, "status": status}
        for attempt in range(STATE_ATTEMPTS):
            if attempt:
                time.sleep(SECONDS_BETWEEN)
            found, said = _read(self._receiver.state.replace(ID, quote(self._tracking_id)))
            if isinstance(found, dict) and expected.items() <= found.items():
                return RIGHT, f"it keeps {status}, of version {version}."
        return WRONG, f"it keeps {said}, and not {status} of version {version}; {self._journey.advice}."


def _now() -> int:
    return int(time.time() * 1000)


def _read(url: str) -> tuple[Any, str]:
    """What is answered as JSON, if it is, and what to say of it."""
    try:
        with urllib.request.urlopen(url, timeout=LIMIT) as answer:  # noqa: S310 (main checks the scheme)
            text = answer.read(2**16).decode()
        return json.loads(text), printable(text[:_SHOWN])
    except (OSError, ValueError, RecursionError, HTTPException) as error:
        return None, f"nothing that can be read ({printable(str(error))})"


def _is_right(answer: Answer, step: Step) -> bool:
    least = 400 if step.refused else 200
    return answer.status is not None and least <= answer.status < least + 100


def _said(answer: Answer) -> str:
    if answer.status is None:
        return f"there was no answer ({answer.error})"
    if 300 <= answer.status < 400:
        return f"it answered {answer.status}, and redirects are not followed"
    text = printable((answer.text or "")[:_SHOWN])
    return f"it answered {answer.status}{f' ({text})' if text else ''}"
