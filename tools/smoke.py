"""`python -m tools.smoke`: asks what was deployed whether it answers, at the URLs that the deploy put out.

A signed request reads a shipment, which takes the function, its rights and the table, and another lists the
webhooks; the public API tells its health. Nothing is written.
"""

import argparse
import json
import os
import time
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from tools.failures import DeployError, one_sentence
from tools.stacks import Stacks

#: What is asked, by the output that has the URL, and the field that the answer has.
QUESTIONS = {
    "api_endpoint": ("/status?tracking_id=smoke-test", "updates"),
    "api_gateway_url": ("/health", "status"),
    "partners_endpoint": ("/webhooks", "webhooks"),
}
#: A new API takes some seconds to be there for everybody.
ATTEMPTS, SECONDS_BETWEEN = 6, 5.0


def check(url: str, field: str, *, region: str, seconds_between: float = SECONDS_BETWEEN) -> None:
    """Sends a signed GET until the answer is JSON with this field.

    Args:
        url: with its query.
        field: of the answer.
        region: of the API, for the signature.
        seconds_between: two attempts.

    Raises:
        DeployError: it never was.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(seconds_between)
        request = AWSRequest("GET", url)
        # An API without authorization ignores it.
        SigV4Auth(boto3.Session().get_credentials(), "execute-api", region).add_auth(request)
        try:
            ready = urllib.request.Request(url, headers=dict(request.headers))  # noqa: S310 (a deployed API's)
            with urllib.request.urlopen(ready, timeout=30) as answer:  # noqa: S310
                said = answer.read().decode()
            if field in json.loads(said):
                return
        except (OSError, ValueError, HTTPException) as error:
            said = str(error)
    raise DeployError(
        f"{url} does not answer as it should: {said[:200]} Look at the dashboard and the alarms; to roll back, deploy "
        f"the last commit that was good, as docs/runbook.md says."
    )


def urls(outputs: Mapping[str, str]) -> list[tuple[str, str]]:
    """What to ask a stack with these outputs: the URL, and the field that the answer has."""
    return [
        (outputs[name].rstrip("/") + path, field)
        for name, (path, field) in QUESTIONS.items()
        if name in outputs
    ]


def main() -> None:
    """Asks. Raises what `one_sentence` takes."""
    parser = argparse.ArgumentParser(prog="python -m tools.smoke", description=__doc__)
    parser.add_argument("--output", default="cdktf.out", help="the folder of the synthesized stacks")
    arguments = parser.parse_args()
    stacks = Stacks(os.environ, output=arguments.output)
    for stack in stacks.names:
        _, said = stacks.terraform(stack, "output", "-json", "-no-color", quiet=True)
        outputs = {name: item["value"] for name, item in json.loads(said).items()}
        for url, field in urls(outputs):
            check(url, field, region=stacks.region(stack))
            print(f"{url} answers.")


if __name__ == "__main__":
    with one_sentence():
        main()
