"""`python -m tools.certify --webhook URL | --source NAME`: tells a partner what it does right and wrong.

It plays a receiver the messages of webhooks, or takes what a sender sends. The secret is the variable SECRET.
"""

import argparse
import base64
import binascii
import os
import sys
from pathlib import Path

from outbound.addresses import Forbidden, check_url
from outbound.secret import make_secret
from outbound.webhook import MEDIA_TYPES, PLAIN
from tools.certify.receiver import ID, Receiver
from tools.certify.report import WRONG, summary, write_junit
from tools.failures import DeployError, one_sentence


def make_receiver(url: str, secret: str, kind: str, state: str | None) -> Receiver:
    """Raises DeployError for what is wrong."""
    try:
        check_url(url, local=True)
    except Forbidden as error:
        raise DeployError(f"WEBHOOK {error}.") from error
    if not _is_key(secret):
        raise DeployError(
            f"SECRET must be the receiver's secret, whsec_ and base64; one that you may give both is {make_secret()}."
        )
    if state is not None and (ID not in state or not state.startswith(("http://", "https://"))):
        raise DeployError(f"STATE must be a URL with {ID} in it.")
    return Receiver(url, secret, kind, state)


def _is_key(secret: str) -> bool:
    prefix, _, key = secret.partition("_")
    try:
        return prefix == "whsec" and bool(base64.b64decode(key, validate=True))
    except binascii.Error:
        return False


def main() -> None:
    """Raises SystemExit with 1 if something is wrong, or what `one_sentence` takes."""
    parser = argparse.ArgumentParser(prog="python -m tools.certify", description=__doc__)
    parser.add_argument("--webhook", default="", help="URL of a receiver")
    parser.add_argument("--format", default=PLAIN, help="of the messages")
    parser.add_argument("--state", help=f"URL that answers what the receiver keeps, with {ID}")
    parser.add_argument("--junit", type=Path, default=Path("build/certify.xml"), help="file of the results")
    chosen = parser.parse_args()
    if not chosen.webhook:
        raise DeployError("Set WEBHOOK to the URL of a receiver.")
    if chosen.format not in MEDIA_TYPES:
        raise DeployError(f"FORMAT is {chosen.format!r}; the formats are {' and '.join(MEDIA_TYPES)}.")
    receiver = make_receiver(chosen.webhook, os.environ.get("SECRET", ""), chosen.format, chosen.state)
    results = []
    for result in receiver.certify():
        print(result.line(), flush=True)
        results.append(result)
    write_junit(results, chosen.webhook, chosen.junit)
    print(f"{summary(results)}; see {chosen.junit}.")
    sys.exit(any(result.outcome == WRONG for result in results))


if __name__ == "__main__":
    with one_sentence():
        main()
