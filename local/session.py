"""One run of `make up`: deploys, serves, and goes on with what is edited meanwhile."""

import importlib
import json
import os
import queue
import shlex
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from local import demo, partner
from local.aws import CREDENTIALS, EmbeddedAws
from local.deployment import Deployment
from local.function import StaleCodeError
from local.integration import UnsupportedApiError
from local.server import PortTakenError
from local.terminal import Terminal, notification
from local.threads import running
from local.watch import can_press_enter, watching
from stacks.settings import Settings, load_settings
from tools import failures
from tools.toolchain import ROOT

if TYPE_CHECKING:
    from local.system import System

FOLDER = ROOT / ".local"
#: What says itself in one sentence why something is not deployed or not served.
FAILURES = (*failures.FAILURES, LookupError, PortTakenError, StaleCodeError, UnsupportedApiError)
#: What the stacks read too.
CONTRACT = "lambda/contract/"
#: So that somebody who tries it out need not wait for minutes.
SWEEP_SECONDS = 15


def up(port: int, public_port: int, partners_port: int, *, apply: bool) -> None:
    """Deploys and serves until KeyboardInterrupt.

    Args:
        port: of the tracking API, on 127.0.0.1.
        public_port: of the public one.
        partners_port: of the partners', if the settings have it.
        apply: whether to deploy a change of the stacks as soon as it is saved.

    Raises:
        local.server.PortTakenError: another program listens there.
        DeployError, PackageError, SettingsError, ToolError: the deployment did not succeed.
        LookupError, UnsupportedApiError: what is deployed cannot be served here.
        StaleCodeError: the code was changed meanwhile.
    """
    # Nothing here may reach an account that this shell has credentials for.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    settings = load_settings(ROOT / "cdktf.json", os.environ)
    terminal = Terminal(FOLDER)

    with ExitStack() as session:
        terminal.say("Starting the embedded AWS")
        aws = session.enter_context(EmbeddedAws())
        os.environ.update(aws.environment(settings.region))
        settings = load_settings(ROOT / "cdktf.json", os.environ)
        terminal.say("Deploying with CDKTF and Terraform, which takes a minute")
        # What serves takes seconds to import, for which Terraform does not wait.
        threading.Thread(target=importlib.import_module, args=("local.system",), daemon=True).start()
        deployment = Deployment(terminal)
        deployment.deploy(settings, first=True)
        from local.system import System

        if settings.partners.enabled:
            partner.put_secrets(settings)
        terminal.say("Starting the functions and the APIs")
        system = session.enter_context(
            System(
                settings.environment,
                endpoint=aws.endpoint,
                region=settings.region,
                port=port,
                public_port=public_port,
                partners_port=partners_port if settings.partners.enabled else None,
                terminal=terminal,
                sweep_seconds=SWEEP_SECONDS,
            )
        )
        terminal.say(
            f"Looking every {SWEEP_SECONDS} s which shipments are stalled or overdue; "
            f"in AWS it is {system.tickers['deadlines'].expression}"
        )
        stopped = threading.Event()
        session.enter_context(
            running(
                stopped,
                lambda: _show_notifications(settings.environment, terminal, stopped),
                lambda: _post_late(system, settings, terminal, stopped),
            )
        )
        try:
            demo.post_past(system.tracking.url, settings.region)
        except demo.DemoError as error:
            terminal.say(str(error))
        events: queue.SimpleQueue[set[str]] = queue.SimpleQueue()
        session.enter_context(watching(ROOT, events.put, lambda: events.put(set())))
        terminal.say(_welcome(system, aws, settings, apply=apply))
        while True:
            _handle(events.get(), system, deployment, terminal, apply=apply)


def _handle(
    saved: set[str], system: "System", deployment: Deployment, terminal: Terminal, *, apply: bool
) -> None:
    """Goes on with files that were saved, or deploys if there are none."""
    try:
        if any(path.startswith("lambda/") for path in saved):
            for line in system.reload():
                terminal.say(line)
        files = sorted(path for path in saved if not path.startswith("lambda/") or path.startswith(CONTRACT))
        if files and not apply:
            key = "press Enter" if can_press_enter() else "start `APPLY=1 make up` next time"
            terminal.say(f"Saved {', '.join(files)}: to deploy the difference, {key}.")
        elif files or not saved:
            terminal.say("Deploying the difference")
            started = time.monotonic()
            deployment.deploy(load_settings(ROOT / "cdktf.json", os.environ), first=False)
            system.read()
            terminal.say(f"Deployed in {time.monotonic() - started:.0f} s; what is stored is still there.")
    except FAILURES as error:
        terminal.say(f"Error: {error} What was there goes on serving.")


def _post_late(system: "System", settings: Settings, terminal: Terminal, stopped: threading.Event) -> None:
    try:
        demo.post_late(system.tracking.url, settings.region, stopped)
    except demo.DemoError as error:
        terminal.say(str(error))


def _show_notifications(environment: str, terminal: Terminal, stopped: threading.Event) -> None:
    """Subscribes a queue to the notifications' topic, and prints what comes in."""
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = f"tracking-notifications-{environment}"
    (arn,) = (
        found["TopicArn"]
        for page in sns.get_paginator("list_topics").paginate()
        for found in page["Topics"]
        if found["TopicArn"].endswith(f":{topic}")
    )
    url = sqs.create_queue(QueueName=f"{topic}-terminal")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=attributes["QueueArn"], Attributes=raw)
    while not stopped.wait(0.5):
        for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            terminal.say(notification(message["Body"]))


def _welcome(system: "System", aws: EmbeddedAws, settings: Settings, *, apply: bool) -> str:
    """Fits whole into 80 columns and 24 lines; what is long stands in files that it names."""
    region = settings.region
    exports = {
        **aws.environment(region),
        "API": system.tracking.url,
        "PUBLIC": system.public.url,
        "INVOKE": system.invoke.url,
        **({"PARTNERS": system.partners.url} if system.partners else {}),
    }
    _write(FOLDER / "env", "".join(f"export {name}={shlex.quote(text)}\n" for name, text in exports.items()))
    update = {
        "tracking_id": "PKG-1",
        "status": "in_transit",
        "location": {"lat": 52.52, "lng": 13.405},
        "timestamp": int(time.time() * 1000),
    }
    _write(FOLDER / "update.json", json.dumps(update))
    _write(
        FOLDER / "curl",
        f"""#!/bin/sh
# curl with a signature for the tracking API.
exec curl --silent --show-error --aws-sigv4 aws:amz:{region}:execute-api \\
  --user {":".join(CREDENTIALS.values())} --header 'Content-Type: application/json' "$@"
""",
    )
    _write(
        FOLDER / "send",
        f"""#!/bin/sh
# Sends a file to a source of the partners' API, signed as a partner does it.
cd {shlex.quote(str(ROOT))} && exec {shlex.quote(sys.executable)} -m local.partner "$@"
""",
    )
    for script in ("curl", "send"):
        (FOLDER / script).chmod(0o755)
    where = send = hook = ""
    if system.partners:
        where = f"\nand the partners' API at {system.partners.url}"
        send = f"\n  .local/send $PARTNERS/inbound/{partner.SOURCE} .local/update.json"
        # A receiver may be on this machine, which in AWS it may not.
        hook = """\n  .local/curl $PARTNERS/webhooks -d '{"url": "http://127.0.0.1:9000/hook"}'"""
    shipment = f"""
A shipment whose last scans come in during the next minute, for a browser:
  {system.public.url}/shipments/{demo.TRACKING_ID}
"""
    difference = "the difference is deployed" if apply else "Enter deploys the difference"
    return f"""
The tracking API runs at {system.tracking.url}
and the public API at    {system.public.url}{where}
{shipment if settings.public.access == "open" else ""}
In another terminal, in this folder, store an update and ask for it:
  . .local/env
  .local/curl $API/track -d @.local/update.json{send}
  .local/curl "$API/status?tracking_id=PKG-1"{hook}

The AWS command line and boto3 then talk to the embedded AWS. What the
functions behind the streams could not handle is sent again with
  AWS_ENDPOINT_URL_LAMBDA=$INVOKE make redrive

Save a file of lambda/, and the functions that hold it are replaced; save one
of stacks/ or cdktf.json, and {difference}.
Nothing stored is lost. The complete logs are .local/*.log.
Requests, notifications and errors follow. Ctrl-C stops everything.
"""


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
