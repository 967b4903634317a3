"""`make up`: the whole system on this machine, deployed into an embedded AWS and served until Ctrl-C."""

import os
import signal
import sys


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

    port, public_port = _port("PORT", "8080"), _port("PUBLIC_PORT", "8081")
    if port == public_port:
        sys.exit(f"Error: PORT and PUBLIC_PORT are both {port}; each API needs one of its own.")
    try:
        up(port, public_port, apply=bool(os.environ.get("APPLY")))
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


if __name__ == "__main__":
    main()
