"""Who sends to the partners' API, as the function behind it sees it."""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple, Self

import boto3
from standardwebhooks import Webhook

import contract
from inbound.wiring import make_api
from tests.conftest import REGION, environment_suffix
from web.errors import CODES

SECRET = f"whsec_{base64.b64encode(b'a-key-that-is-24-bytes-l').decode()}"

Headers = dict[str, str]


class Answer(NamedTuple):
    """What the function answered; the body is parsed."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


def sign(body: bytes, *, secret: str = SECRET, at: datetime | None = None) -> Headers:
    """The headers of a message, made by the reference library of Standard Webhooks."""
    id, moment = f"msg_{uuid.uuid4().hex}", at or datetime.now(UTC)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, moment, body.decode()),
    }


class Sender:
    """Sends to a source what API Gateway would hand on, and checks every answer's form.

    Args:
        environment: the function's.
        source: its name.
        prove: makes the headers that prove a body.
    """

    def __init__(
        self, environment: Mapping[str, str], source: str, prove: Callable[[bytes], Headers] = sign
    ) -> None:
        self.api = make_api(environment)
        self.variables = {
            name: environment[name]
            for name in (contract.INBOUND_SOURCES, contract.QUARANTINE_BUCKET, contract.REGION)
        }
        self.bucket = environment[contract.QUARANTINE_BUCKET]
        self.source, self.prove = source, prove

    @classmethod
    def of(
        cls,
        environment: Mapping[str, str],
        source: str,
        chosen: Mapping[str, Any],
        prove: Callable[[bytes], Headers] = sign,
        *,
        secret: str = SECRET,
    ) -> Self:
        """Of a source as the settings have it, in an environment with a bucket and a secret of its own."""
        suffix = environment_suffix()
        bucket = f"tracking-quarantine-{suffix}-hash"
        boto3.client("s3").create_bucket(Bucket=bucket)
        boto3.client("ssm").put_parameter(
            Name=f"{contract.INBOUND_SECRETS.format(environment=suffix)}{source}",
            Value=secret,
            Type="SecureString",
        )
        variables = {
            contract.ENVIRONMENT: suffix,
            contract.INBOUND_SOURCES: json.dumps({source: chosen}),
            contract.QUARANTINE_BUCKET: bucket,
            contract.REGION: REGION,
        }
        return cls({**environment, **variables}, source, prove)

    def send(self, body: Any, **headers: str) -> Answer:
        """The answer to a proven message, JSON unless it is bytes; headers' underscores become hyphens."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.post(raw, {"content-type": "application/json"} | self.prove(raw) | named)

    def post(self, body: bytes, headers: Mapping[str, str], source: str | None = None) -> Answer:
        """The answer to a message with just these headers."""
        source = self.source if source is None else source
        return self.invoke(
            {
                "version": "2.0",
                "routeKey": "POST /inbound/{source}",
                "rawPath": f"/inbound/{source}",
                "headers": dict(headers),
                "requestContext": {"http": {"method": "POST"}, "requestId": "gw-1", "stage": "$default"},
                "pathParameters": {"source": source},
                "body": base64.b64encode(body).decode(),
                "isBase64Encoded": True,
            }
        )

    def invoke(self, event: Any) -> Answer:
        """The answer to any event."""
        context = SimpleNamespace(aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: 30_000)
        answer = self.api.answer(event, context)
        assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
        assert all(isinstance(value, str) and value.isprintable() for value in answer["headers"].values())
        assert answer["headers"]["Content-Type"] == "application/json"
        status, body = answer["statusCode"], json.loads(answer["body"])
        if status == 202:
            assert set(body) == {"stored", "kept"}
        else:
            assert set(body) == {"error", "code", "request_id", "errors"}
            assert body["code"] == CODES[status]
            assert body["request_id"] == answer["headers"]["X-Request-Id"]
        return Answer(status, answer["headers"], body)

    def kept(self) -> list[dict[str, Any]]:
        """What is in the quarantine."""
        s3 = boto3.client("s3")
        listed = s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [json.load(s3.get_object(Bucket=self.bucket, Key=item["Key"])["Body"]) for item in listed]
