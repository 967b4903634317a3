"""`make up`: the whole system on this machine, deployed into an embedded AWS and served until Ctrl-C."""

import os
import re
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3

from local import demo
from local.aws import CREDENTIALS, EmbeddedAws
from local.function import Function, StaleCodeError
from local.gateway import Gateway
from local.http_api import HttpGateway
from local.invoke import InvokeApi
from local.server import PortTakenError, check_port
from local.stream import StreamPoller
from stacks.package import build
from stacks.settings import Settings, SettingsError, load_settings
from tools.deploy import Deployment
from tools.failures import DeployError
from tools.stacks import Stacks
from tools.state_bucket import create_state_bucket
from tools.toolchain import ROOT, ToolError

OUTPUT = ".local/cdktf.out"
LOG = ROOT / ".local/deploy.log"


class Progress:
    """Counts what Terraform has created, and keeps all that it says in a log."""

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(exist_ok=True)
        self._log = log.open("w", encoding="utf-8")
        self._done = self._planned = 0

    def __call__(self, line: str) -> None:
        self._log.write(f"{line}\n")
        self._log.flush()
        if plan := re.search(r"Plan:\D+(?:\d+ to import, )?(\d+) to add", re.sub(r"\x1b\[[\d;]*m", "", line)):
            self._planned += int(plan[1])
        elif "Creation complete" in line:
            self._done += 1
            if sys.stdout.isatty():
                print(f"\r  {self._done} of {self._planned} resources", end="", flush=True)
            elif self._done % 20 == 0:
                print(f"  {self._done} of {self._planned} resources", flush=True)
            if self._done == self._planned:
                print(flush=True)


def up(port: int, public_port: int) -> None:
    """Deploys and serves until KeyboardInterrupt.

    Args:
        port: of the tracking API, on 127.0.0.1.
        public_port: of the public one.

    Raises:
        PortTakenError: another program listens there.
        DeployError, SettingsError, ToolError: the deployment did not succeed.
        StaleCodeError: the code was changed meanwhile.
    """
    # Nothing here may reach an account that this shell has credentials for.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    settings = load_settings(ROOT / "cdktf.json", os.environ)

    with ExitStack() as running:
        print("Starting the embedded AWS", flush=True)
        aws = running.enter_context(EmbeddedAws())
        os.environ.update(aws.environment(settings.region))
        settings = load_settings(ROOT / "cdktf.json", os.environ)

        print("Deploying with CDKTF and Terraform, which takes a minute or two", flush=True)
        stacks = Stacks(os.environ, output=OUTPUT, show=Progress(LOG), patience_seconds=0)
        stacks.synth()
        create_state_bucket(settings)
        Deployment(stacks, environ={}).deploy([*stacks.shared, *stacks.names], ask=False)

        processor, notifier, public = (
            running.enter_context(
                Function(
                    f"tracking-{name}-{settings.environment}",
                    endpoint=aws.endpoint,
                    region=settings.region,
                    package=build(package),
                    log=print,
                )
            )
            for name, package in (("processor", "tracking"), ("notifier", "notifier"), ("public", "public"))
        )
        running.enter_context(StreamPoller(notifier, endpoint=aws.endpoint, region=settings.region))
        invoke = running.enter_context(InvokeApi({notifier.name: notifier}))
        gateway = running.enter_context(
            Gateway(
                f"tracking-api-{settings.environment}",
                settings.environment,
                endpoint=aws.endpoint,
                region=settings.region,
                functions={processor.name: processor},
                port=port,
            )
        )
        page = running.enter_context(
            HttpGateway(
                f"tracking-public-{settings.environment}",
                endpoint=aws.endpoint,
                region=settings.region,
                functions={public.name: public},
                port=public_port,
            )
        )
        demo.post_past(gateway.url, settings.region)
        stopped = threading.Event()
        late = threading.Thread(target=demo.post_late, args=(gateway.url, settings.region, stopped))
        late.start()
        running.callback(late.join)
        running.callback(stopped.set)
        print(_welcome(gateway.url, page.url, aws, settings, invoke.url), flush=True)
        for notification in _notifications(f"tracking-notifications-{settings.environment}"):
            print(f"Notification: {notification}", flush=True)


def _notifications(topic: str) -> Iterator[str]:
    """Subscribes a queue to the topic with this name, and gives what comes in, for ever."""
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    arn = next(
        found["TopicArn"]
        for page in sns.get_paginator("list_topics").paginate()
        for found in page["Topics"]
        if found["TopicArn"].endswith(f":{topic}")
    )
    url = sqs.create_queue(QueueName=f"{topic}-terminal")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=attributes["QueueArn"], Attributes=raw)
    while True:
        for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield message["Body"]
        time.sleep(0.5)


def _welcome(url: str, public_url: str, aws: EmbeddedAws, settings: Settings, invoke_url: str) -> str:
    region = settings.region
    curl = (
        f"curl --aws-sigv4 aws:amz:{region}:execute-api"
        f" --user {CREDENTIALS['AWS_ACCESS_KEY_ID']}:{CREDENTIALS['AWS_SECRET_ACCESS_KEY']}"
    )
    update = '{"tracking_id": "PKG-1", "status": "in_transit", "location": {"lat": 52.52, "lng": 13.405}}'
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in aws.environment(region).items())
    shipment = f"""
See a shipment arrive, in a browser (its last scans come in during the next minute):
  {public_url}/shipments/{demo.TRACKING_ID}
"""
    return f"""
The tracking API is deployed and runs at {url}, the public API at {public_url}
{shipment if settings.public.access == "open" else ""}
Store an update:
  {curl} -H 'Content-Type: application/json' -d '{update}' {url}/track

Ask for the shipment:
  {curl} '{url}/status?tracking_id=PKG-1'

Look around in the embedded AWS with boto3 or the AWS command line:
  export {exports}

Send what the notifier could not handle again, after this export:
  AWS_ENDPOINT_URL_LAMBDA={invoke_url} make redrive

The functions' logs and the notifications of status changes follow. Ctrl-C stops everything.
"""


def _port(variable: str, default: str) -> int:
    text = os.environ.get(variable) or default
    if not text.isdecimal() or not 0 < int(text) < 65536:
        sys.exit(f"Error: {variable} is {text!r}; it may be a number from 1 to 65535.")
    try:
        check_port(int(text))
    except PortTakenError as error:
        sys.exit(f"Error: {error} For example: {variable}={int(text) + 10} make up")
    return int(text)


def main() -> None:
    """Raises SystemExit with one plain sentence for whatever goes wrong."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    port, public_port = _port("PORT", "8080"), _port("PUBLIC_PORT", "8081")
    if port == public_port:
        sys.exit(f"Error: PORT and PUBLIC_PORT are both {port}; each API needs one of its own.")
    try:
        up(port, public_port)
    except KeyboardInterrupt:
        # What stdout is piped to has got the Ctrl-C too.
        print("\nStopped.", file=sys.stderr)
    except DeployError as error:
        sys.exit(f"\nError: {error} All that was said is in {LOG.relative_to(ROOT)}.")
    except PortTakenError as error:
        sys.exit(f"Error: {error}")
    except (SettingsError, StaleCodeError, ToolError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
