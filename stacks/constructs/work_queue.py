"""A queue whose messages a function handles."""

import json

from cdktf_cdktf_provider_aws.lambda_event_source_mapping import (
    LambdaEventSourceMapping,
    LambdaEventSourceMappingScalingConfig,
)
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription
from constructs import Construct

from stacks.constructs.function import PythonFunction
from stacks.constructs.queue import EncryptedQueue
from stacks.constructs.references import TopicReference

#: Times that a message is handled before it becomes a dead letter; Lambda's developer guide asks for 5 at least,
#: since a throttled function uses some up.
MAX_RECEIVES = 5


class WorkQueue(EncryptedQueue):
    """A queue, and a queue of its dead letters."""

    def __init__(self, scope: Construct, id: str, *, name: str) -> None:
        super().__init__(scope, id, name=name)
        letters, _ = self._add("letters", "letters-policy", f"{name}-dlq")
        redrive = {"deadLetterTargetArn": letters.arn, "maxReceiveCount": MAX_RECEIVES}
        self._queue.redrive_policy = json.dumps(redrive, separators=(",", ":"))
        #: How many messages became dead letters and wait.
        self.dead_letters = self.metric("ApproximateNumberOfMessagesVisible")._replace(
            dimensions={"QueueName": letters.name}
        )

    def subscribe(self, topic: TopicReference) -> None:
        """Has what is published to a topic come into the queue as it is."""
        # SNS developer guide, "Key management".
        self._let_send("sns.amazonaws.com", topic.arn, sid="Notifications", names_source=True)
        SnsTopicSubscription(
            self,
            "subscription",
            topic_arn=topic.arn,
            protocol="sqs",
            endpoint=self.arn,
            raw_message_delivery=True,
            depends_on=[self._policy],
        )

    def feed(
        self, function: PythonFunction, *, batch_size: int, concurrency: int, window_seconds: int = 0
    ) -> None:
        """Gives a function the messages, in batches of which it may handle a part.

        Args:
            concurrency: batches at once.
            window_seconds: how long a batch waits to be full.
        """
        # While a run may last, and Lambda try it again (developer guide, "Configuring SQS event source mappings").
        self._queue.visibility_timeout_seconds = 6 * function.timeout_seconds
        self._grant(function.role, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
        LambdaEventSourceMapping(
            self,
            "mapping",
            event_source_arn=self.arn,
            function_name=function.arn,
            batch_size=batch_size,
            maximum_batching_window_in_seconds=window_seconds,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=LambdaEventSourceMappingScalingConfig(maximum_concurrency=concurrency),
            # Lambda asks for the rights when the mapping is made.
            depends_on=[function.role.policy],
        )
