"""`make up`: the whole system on this machine, deployed into an embedded AWS and served until Ctrl-C."""

import os
import signal
import sys
from itertools import combinations

#: Of the tracking API, the public one and the partners', with their defaults.
PORTS = {"PORT": "8080", "PUBLIC_PORT": "8081", "PARTNERS_PORT": "8082"}


def _port(variable: str, default: str) -> int:
    from local.server import PortTakenError, check_port

    text = os.environ.get(variable) or default
    if not text.isdecimal() or not 0 < int(text) < 65536:
        sys.exit(f"Error: {variable} is {text!r}; it may be a number from 1 to 65535.")
    try:
        check_port(int(text))
    except PortTakenError as error:
        sys.exit(f"Error: {error} For example: {variable}={int(text) + 10} make up")
    return int(text)


def _run() -> None:
    # Imported here, for a Ctrl-C comes as early as it likes.
    from botocore.exceptions import BotoCoreError, ClientError

    from local.session import FAILURES, up

    ports = {variable: _port(variable, default) for variable, default in PORTS.items()}
    for (one, port), (other, same) in combinations(ports.items(), 2):
        if port == same:
            sys.exit(f"Error: {one} and {other} are both {port}; each API needs one of its own.")
    try:
        up(*ports.values(), apply=bool(os.environ.get("APPLY")))
    except FAILURES as error:
        sys.exit(f"Error: {error}")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"Error: the embedded AWS did not do as it was asked: {error}")


def main() -> None:
    """Raises SystemExit with one plain sentence for whatever goes wrong."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        _run()
    except KeyboardInterrupt:
        # What stdout is piped to has got the Ctrl-C too.
        print("\nStopped.", file=sys.stderr)
        # An interrupt of an exec() of a text, by which dataclasses are made, ends Python by SIGINT although it was
        # handled, but for the last one.
        exec("")  # noqa: S102


if __name__ == "__main__":
    main()
