"""What `make up` prints for a person, and the complete logs that it keeps beside."""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from contract import STATUS_CHANGED

#: What Lambda itself writes into a function's log.
_LAMBDAS_OWN = re.compile(r"(INIT_START|START|END|REPORT) ")
#: Fields that Powertools' Logger adds to every line.
_USUAL_FIELDS = {"level", "location", "message", "timestamp", "service", "correlation_id", "xray_trace_id"}


class Terminal:
    """Prints whole lines from any thread; ends the program once nobody reads them any more.

    Args:
        folder: where the complete logs go.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._counting = False
        self._closed = False

    def say(self, text: str) -> None:
        """Print lines."""
        with self._lock:
            self._print("\n" * self._counting + text + "\n")
            self._counting = False

    def count(self, text: str, *, of_note: bool) -> None:
        """Print a line that the next one of its kind replaces; where stdout is no terminal, only one of note."""
        if not sys.stdout.isatty():
            if of_note:
                self.say(text)
            return
        with self._lock:
            self._print(f"\r{text}")
            self._counting = True

    def function_log(self, name: str) -> Callable[[str], None]:
        """What takes a function's log: all of it goes into a file, and what a person should see is printed."""
        file = (self._folder / f"{name}.log").open("w", encoding="utf-8")

        def log(line: str) -> None:
            with self._lock:
                file.write(f"{line}\n")
                file.flush()
            if text := shown(line):
                self.say(text)

        return log

    def _print(self, text: str) -> None:
        if self._closed:
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            self._closed = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            os.kill(os.getpid(), signal.SIGTERM)


def shown(line: str) -> str:
    """What a person is shown of a line of a function's log, if anything.

    Its errors and warnings with the lines of code that they name, and whatever else it prints that is no metric.
    """
    if _LAMBDAS_OWN.match(line):
        return ""
    entry: Any = None
    with suppress(ValueError):
        entry = json.loads(line)
    if not isinstance(entry, dict):
        return line
    if entry.get("level") not in ("WARNING", "ERROR", "CRITICAL"):
        return ""
    fields = {name: value for name, value in entry.items() if name not in _USUAL_FIELDS}
    frames = "".join(fields.pop("frames", [])) + fields.pop("exception", "")
    said = [
        f"{entry['level']} {entry.get('message')}",
        *(f"{name}={value}" for name, value in fields.items()),
    ]
    return "\n".join(filter(None, [", ".join(said), frames.rstrip()]))


def notification(message: str) -> str:
    """A line for a message of the notifications' topic."""
    news: Mapping[str, Any] = json.loads(message)
    if (event := news.get("event", STATUS_CHANGED)) != STATUS_CHANGED:
        return f"Notification: {news['tracking_id']} {event.replace('_', ' ')}"
    return f"Notification: {news['tracking_id']} {news.get('previous_status') or 'new'} -> {news['status']}"
