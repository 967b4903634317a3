"""A queue whose messages a function handles."""

import json
from typing import Any

from cdktf_cdktf_provider_aws.lambda_event_source_mapping import (
    LambdaEventSourceMapping,
    LambdaEventSourceMappingScalingConfig,
)
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from cdktf_cdktf_provider_aws.sqs_queue_policy import SqsQueuePolicy
from constructs import Construct

from stacks.constructs.environment import Environment
from stacks.constructs.function import PythonFunction
from stacks.constructs.metric import Metric
from stacks.constructs.references import TopicReference
from stacks.constructs.role import Role, policy_document, refuse_plain_http

RETENTION_SECONDS = 14 * 24 * 3600
#: Times that a message is handled before it becomes a dead letter; Lambda's developer guide asks for 5 at least,
#: since a throttled function uses some up.
MAX_RECEIVES = 5


class WorkQueue(Construct):
    """A queue, and a queue of its dead letters.

    Args:
        environment: whose name ends those of both.
    """

    def __init__(self, scope: Construct, id: str, *, environment: Environment, name: str) -> None:
        super().__init__(scope, id)
        self._key = key = environment.key
        encrypted: dict[str, Any] = {
            "sqs_managed_sse_enabled": None if key else True,
            "kms_master_key_id": key.arn if key else None,
            "message_retention_seconds": RETENTION_SECONDS,
        }
        letters = SqsQueue(self, "letters", name=f"{name}-dlq-{environment.name}", **encrypted)
        redrive = {"deadLetterTargetArn": letters.arn, "maxReceiveCount": MAX_RECEIVES}
        self._queue = SqsQueue(
            self,
            "queue",
            name=f"{name}-{environment.name}",
            redrive_policy=json.dumps(redrive, separators=(",", ":")),
            **encrypted,
        )
        self._tls_only = refuse_plain_http("sqs:*", self._queue.arn)
        self._policy = SqsQueuePolicy(
            self, "policy", queue_url=self._queue.url, policy=policy_document(self._tls_only)
        )
        SqsQueuePolicy(
            self,
            "letters-policy",
            queue_url=letters.url,
            policy=policy_document(refuse_plain_http("sqs:*", letters.arn)),
        )
        self.url = self._queue.url
        self._letters_name = letters.name

    def metric(self, name: str) -> Metric:
        """A gauge that SQS emits for the queue."""
        return Metric("AWS/SQS", name, "Maximum", {"QueueName": self._queue.name})

    def letters_metric(self, name: str) -> Metric:
        """A gauge that SQS emits for the queue of dead letters."""
        return Metric("AWS/SQS", name, "Maximum", {"QueueName": self._letters_name})

    def grant_send(self, role: Role) -> None:
        """Lets `role` add messages."""
        role.allow(["sqs:SendMessage"], self._queue.arn)
        if self._key:
            self._key.grant_use(role, via="sqs")

    def subscribe(self, topic: TopicReference) -> None:
        """Has what is published to a topic come into the queue as it is."""
        condition = {"ArnEquals": {"aws:SourceArn": topic.arn}}
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": self._queue.arn,
            "Condition": condition,
        }
        self._policy.policy = policy_document(statement, self._tls_only)
        if self._key:
            # SNS developer guide, "Key management".
            self._key.allow_service("Notifications", "sns.amazonaws.com", condition)
        SnsTopicSubscription(
            self,
            "subscription",
            topic_arn=topic.arn,
            protocol="sqs",
            endpoint=self._queue.arn,
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
        function.role.allow(
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], self._queue.arn
        )
        if self._key:
            self._key.grant_use(function.role, via="sqs")
        LambdaEventSourceMapping(
            self,
            "mapping",
            event_source_arn=self._queue.arn,
            function_name=function.arn,
            batch_size=batch_size,
            maximum_batching_window_in_seconds=window_seconds,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=LambdaEventSourceMappingScalingConfig(maximum_concurrency=concurrency),
            # Lambda asks for the rights when the mapping is made.
            depends_on=[function.role.policy],
        )
