"""`python -m tools.certify --webhook URL | --source NAME`: tells a partner what it does right and wrong.

It plays a receiver the messages of webhooks, or takes what a sender sends. The secret is the variable SECRET.
"""

import argparse
import base64
import binascii
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from inbound.api import Source
from local.server import PortTakenError, Server
from outbound.addresses import Forbidden, check_url
from outbound.secret import make_secret
from outbound.webhook import MEDIA_TYPES, PLAIN
from stacks.inbound_sources import sources_variable
from stacks.settings import load_settings
from tools.certify.receiver import ID, Receiver
from tools.certify.report import WRONG, Result, summary, write_junit
from tools.certify.sender import Capture
from tools.failures import DeployError, one_sentence
from tools.toolchain import ROOT


def make_receiver(url: str, secret: str, kind: str, state: str | None) -> Receiver:
    """Raises DeployError for what is wrong."""
    if kind not in MEDIA_TYPES:
        raise DeployError(f"FORMAT is {kind!r}; the formats are {' and '.join(MEDIA_TYPES)}.")
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


def make_source(name: str, environ: Mapping[str, str]) -> Source:
    """The source as the settings of the environment have it. Raises DeployError and SettingsError."""
    sources = json.loads(sources_variable(load_settings(ROOT / "cdktf.json", environ)))
    if name not in sources:
        raise DeployError(f"SOURCE is {name!r}; the sources are {', '.join(sources) or 'none'}.")
    if not environ.get("SECRET"):
        raise DeployError("SECRET must be the secret that the sender has.")
    source = Source.of(name, sources[name])
    if source.proof["kind"] == "jwt":
        raise DeployError(f"{name} proves itself by a JWT, which API Gateway checks and this does not.")
    return source


def capture(source: Source, secret: str, *, port: int, count: int, tell: Callable[[Result], None]) -> None:
    """Takes messages until there were `count`, or Ctrl-C. Raises DeployError if the port is taken."""
    application = Capture(source, secret, count, tell)
    try:
        with Server(application, port) as server:
            print(f"Send messages of {source.name} to {server.url}; Ctrl-C ends.", flush=True)
            with suppress(KeyboardInterrupt):
                application.done.wait()
    except PortTakenError as error:
        raise DeployError(str(error)) from error
    for result in application.conclude():
        tell(result)


def main() -> None:
    """Raises SystemExit with 1 if something is wrong, or what `one_sentence` takes."""
    parser = argparse.ArgumentParser(prog="python -m tools.certify", description=__doc__)
    parser.add_argument("--webhook", default="", help="URL of a receiver")
    parser.add_argument("--format", default=PLAIN, help="of the messages")
    parser.add_argument("--state", help=f"URL that answers what the receiver keeps, with {ID}")
    parser.add_argument("--source", default="", help="a sender's name in the settings")
    parser.add_argument("--port", default="9100", help="where it is to send to, on 127.0.0.1 (%(default)s)")
    parser.add_argument("--count", default="0", help="messages after which it ends; 0 for never")
    parser.add_argument("--junit", type=Path, default=Path("build/certify.xml"), help="file of the results")
    chosen = parser.parse_args()
    if bool(chosen.webhook) == bool(chosen.source):
        raise DeployError("Set WEBHOOK to the URL of a receiver, or SOURCE to the name of a sender.")
    results: list[Result] = []

    def tell(result: Result) -> None:
        print(result.line(), flush=True)
        results.append(result)

    secret = os.environ.get("SECRET", "")
    if chosen.webhook:
        for result in make_receiver(chosen.webhook, secret, chosen.format, chosen.state).certify():
            tell(result)
    else:
        port, count = _number("PORT", chosen.port, 65535), _number("COUNT", chosen.count, 10**6)
        capture(make_source(chosen.source, os.environ), secret, port=port, count=count, tell=tell)
    write_junit(results, chosen.webhook or chosen.source, chosen.junit)
    print(f"{summary(results)}; see {chosen.junit}.")
    sys.exit(any(result.outcome == WRONG for result in results))


def _number(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= most):
        raise DeployError(f"{name} is {text!r}; it may be a number from 0 to {most}.")
    return int(text)


if __name__ == "__main__":
    with one_sentence():
        main()
