"""The queue of deliveries."""

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

#: Deliveries of a message, which are sent at once.
TOGETHER: Final = 10
#: The most that SendMessageBatch takes.
_BATCH = 10
#: Seconds that SQS keeps a message back at most.
MAX_DELAY: Final = 900


class NotQueued(Exception):
    """SQS did not take a delivery."""


class DeliveryQueue:
    """Has deliveries tried, with a boto3 client of SQS, whose errors its methods raise; for many threads."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, webhook: str, sequences: Iterable[int], *, delay: int = 0, trial: bool = False) -> None:
        """Queues deliveries of a webhook, after `delay` seconds. No message has those of two webhooks.

        Args:
            trial: whether they are tried even while the webhook is blocked.

        Raises:
            NotQueued: SQS did not take all of them.
        """
        rest = iter(sequences)
        messages = iter(lambda: list(islice(rest, TOGETHER)), [])
        while batch := list(islice(messages, _BATCH)):
            answer = self._client.send_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {
                        "Id": str(place),
                        "MessageBody": json.dumps(
                            {"webhook": webhook, "sequences": together, "trial": trial}
                        ),
                        "DelaySeconds": delay,
                        # So that SQS serves the other webhooks first while one has many under way: a "fair queue".
                        "MessageGroupId": webhook,
                    }
                    for place, together in enumerate(batch)
                ],
            )
            for failed in answer.get("Failed", []):
                raise NotQueued(failed["Code"])
