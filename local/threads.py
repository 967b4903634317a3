"""What runs beside the rest of `make up`."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def running(stopped: threading.Event, *targets: Callable[[], object]) -> Iterator[None]:
    """Runs each target in a thread; at the end it sets `stopped`, at which the targets return, and waits for them."""
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
