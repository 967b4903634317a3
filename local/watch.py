"""Tells which files of the project are saved while `make up` runs, and when Enter is pressed."""

import os
import select
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from watchfiles import DefaultFilter, watch

#: The folders and the files that are watched.
FOLDERS, FILES = ("lambda", "stacks"), ("cdktf.json", "main.py", "Pipfile.lock")


class Watch:
    """Watches while the context lasts.

    Args:
        root: the project's folder.
        saved: gets the changed paths, relative to `root`, in one call for what is saved at once.
        entered: is called when somebody presses Enter in the terminal that this program runs in.
    """

    def __init__(self, root: Path, saved: Callable[[set[str]], None], entered: Callable[[], None]) -> None:
        self._root = root
        self._saved = saved
        self._entered = entered
        self._stopped = threading.Event()
        folders = [root / name for name in FOLDERS]
        # A file that an editor replaces is another one, so its folder is watched.
        self._threads = [
            threading.Thread(target=self._watch, args=(folders, True, DefaultFilter())),
            threading.Thread(
                target=self._watch, args=([root], False, lambda _, path: Path(path).name in FILES)
            ),
            threading.Thread(target=self._listen),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, folders: list[Path], recursive: bool, wanted: Callable[..., bool]) -> None:
        for changes in watch(
            *folders,
            watch_filter=wanted,
            debounce=400,
            stop_event=self._stopped,
            recursive=recursive,
            step=50,
        ):
            self._saved({Path(path).relative_to(self._root).as_posix() for _, path in changes})

    def _listen(self) -> None:
        while not self._stopped.is_set() and can_press_enter():
            if select.select([sys.stdin], [], [], 0.3)[0]:
                if not os.read(sys.stdin.fileno(), 1024):
                    return
                self._entered()


def can_press_enter() -> bool:
    """Whether this program has a terminal to itself; in the background, reading from it would stop the program."""
    try:
        return sys.stdout.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
