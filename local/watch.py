"""Tells which files of the project are saved while `make up` runs, and when Enter is pressed."""

import os
import select
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from watchfiles import DefaultFilter, watch

from local.threads import running

#: The folders and the files that are watched.
FOLDERS, FILES = ("lambda", "stacks"), ("cdktf.json", "main.py", "Pipfile.lock")


def watching(
    root: Path, saved: Callable[[set[str]], None], entered: Callable[[], None]
) -> AbstractContextManager[None]:
    """Watches while the context lasts.

    Args:
        root: the project's folder.
        saved: gets the changed paths, relative to `root`, in one call for what is saved at once.
        entered: is called when somebody presses Enter in the terminal that this program runs in.
    """
    stopped = threading.Event()

    def follow(folders: list[Path], recursive: bool, wanted: Callable[..., bool]) -> None:
        options: dict[str, Any] = {"debounce": 400, "step": 50, "recursive": recursive}
        for changes in watch(*folders, watch_filter=wanted, stop_event=stopped, **options):
            saved({Path(path).relative_to(root).as_posix() for _, path in changes})

    def listen() -> None:
        while not stopped.is_set() and can_press_enter():
            if select.select([sys.stdin], [], [], 0.3)[0]:
                if not os.read(sys.stdin.fileno(), 1024):
                    return
                entered()

    return running(
        stopped,
        lambda: follow([root / name for name in FOLDERS], True, DefaultFilter()),
        # A file that an editor replaces is another one, so its folder is watched.
        lambda: follow([root], False, lambda _, path: Path(path).name in FILES),
        listen,
    )


def can_press_enter() -> bool:
    """Whether this program has a terminal to itself; in the background, reading from it would stop the program."""
    try:
        return sys.stdout.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
