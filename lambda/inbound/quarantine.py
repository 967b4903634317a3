"""What was sent and is no update, until its mapping is mended."""

import base64
import hashlib
import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shipments.errors import Unavailable


class Quarantine:
    """Keeps messages in a bucket: the same message of a source once, however often it is sent."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def keep(
        self, source: str, body: bytes, *, media_type: str, reasons: list[str], received_at: int
    ) -> None:
        """Keeps a message, with why it is no update; `received_at` is ms since the epoch. Raises Unavailable."""
        message = {
            "source": source,
            "received_at": received_at,
            "reasons": reasons,
            "media_type": media_type,
            "body": base64.b64encode(body).decode(),
        }
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=f"{source}/{hashlib.sha256(body).hexdigest()}.json",
                Body=json.dumps(message).encode(),
                ContentType="application/json",
            )
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("the message cannot be kept") from error
