"""`python -m local.partner URL FILE`: sends a file to the partners' API, signed as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
import sys
import time
import uuid
from pathlib import Path

import boto3
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from contract import INBOUND_SECRETS
from stacks.settings import Settings

#: A source of cdktf.json, and the key that it and all others have on this machine.
SOURCE, KEY = "demo", b"local-secret"


def put_secrets(settings: Settings) -> None:
    """Writes the secrets of all sources into the embedded AWS, as an operator does in AWS."""
    prefix = INBOUND_SECRETS.format(environment=settings.environment)
    for source in settings.partners.sources:
        secret = f"whsec_{base64.b64encode(KEY).decode()}"
        boto3.client("ssm").put_parameter(
            Name=f"{prefix}{source}", Value=secret, Type="SecureString", Overwrite=True
        )


def send(url: str, body: bytes) -> str:
    """The status and the text of the answer to a signed message."""
    headers = {
        "Content-Type": "application/json",
        "webhook-id": f"msg_{uuid.uuid4().hex}",
        "webhook-timestamp": str(int(time.time())),
    }
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signature = base64.b64encode(hmac.digest(KEY, content, "sha256")).decode()
    request = AWSRequest("POST", url, {**headers, "webhook-signature": f"v1,{signature}"}, body)
    answer = URLLib3Session().send(request.prepare())
    return f"{answer.status_code} {answer.text}"


if __name__ == "__main__":
    print(send(sys.argv[1], Path(sys.argv[2]).read_bytes()))
