"""The dead-letter queue."""

import json

from cdktf_cdktf_provider_aws.cloudwatch_event_rule import CloudwatchEventRule
from cdktf_cdktf_provider_aws.cloudwatch_event_target import CloudwatchEventTarget
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from cdktf_cdktf_provider_aws.sqs_queue_policy import SqsQueuePolicy
from constructs import Construct

from stacks.constructs.key import EncryptionKey
from stacks.constructs.metric import Metric
from stacks.constructs.role import Role, policy_document, refuse_plain_http


class DeadLetterQueue(Construct):
    """Holds for 14 days a message of each thing that a function was to handle while nobody waited, and could not.

    Of a batch of the table's stream it says which object of the dead letters' bucket has the records; `make redrive`
    has them handled once more. Of an asynchronous invocation it is the event. A synchronous failure, such as one
    behind API Gateway, is told to the caller and never comes here.
    """

    announcement_failures: Metric
    """How many objects the queue was not told of; there once it is to be told of any."""

    def __init__(self, scope: Construct, id: str, *, name: str, key: EncryptionKey | None) -> None:
        super().__init__(scope, id)
        self._key = key
        self._queue = SqsQueue(
            self,
            "queue",
            name=name,
            message_retention_seconds=1_209_600,
            visibility_timeout_seconds=300,
            sqs_managed_sse_enabled=None if key else True,
            kms_master_key_id=key.arn if key else None,
        )
        self._tls_only = refuse_plain_http("sqs:*", self._queue.arn)
        self._policy = SqsQueuePolicy(
            self, "policy", queue_url=self._queue.url, policy=policy_document(self._tls_only)
        )
        self.name = self._queue.name
        self.arn = self._queue.arn
        self.url = self._queue.url

    def metric(self, name: str) -> Metric:
        """A gauge that SQS emits for the queue, unless nothing was in it or asked for in 6 hours."""
        return Metric("AWS/SQS", name, "Maximum", {"QueueName": self.name})

    def grant_send(self, role: Role) -> None:
        """Lets `role` add dead letters."""
        role.allow(["sqs:SendMessage"], self.arn)
        if self._key:
            self._key.grant_use(role, via="sqs")

    def announce_objects(self, bucket: str, *, rule_name: str) -> None:
        """Adds a message for each object that comes into the bucket with this name, which tells EventBridge."""
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [bucket]}},
        }
        rule = CloudwatchEventRule(self, "arrivals", name=rule_name, event_pattern=json.dumps(pattern))
        # With an id of the provider's, a deploy that was killed here would leave a target that nobody knows.
        CloudwatchEventTarget(self, "announcement", rule=rule.name, arn=self.arn, target_id="queue")
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": self.arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule.arn}},
        }
        self._policy.policy = policy_document(statement, self._tls_only)
        if self._key:
            # EventBridge tells KMS of no source account or ARN (SNS developer guide, "Key management"). Whoever
            # else sends by EventBridge is refused by the queue.
            self._key.allow_service("Events", "events.amazonaws.com", None)
        self.announcement_failures = Metric("AWS/Events", "FailedInvocations", "Sum", {"RuleName": rule.name})
