"""The dead-letter queue."""

import json

from cdktf_cdktf_provider_aws.cloudwatch_event_rule import CloudwatchEventRule
from cdktf_cdktf_provider_aws.cloudwatch_event_target import CloudwatchEventTarget
from constructs import Construct

from stacks.constructs.metric import Metric
from stacks.constructs.queue import EncryptedQueue


class DeadLetterQueue(EncryptedQueue):
    """Holds for 14 days a message of each thing that a function was to handle while nobody waited, and could not.

    Of a batch of the table's stream it says which object of the dead letters' bucket has the records; `make redrive`
    has them handled once more. Of an asynchronous invocation it is the event. A synchronous failure, such as one
    behind API Gateway, is told to the caller and never comes here.
    """

    announcement_failures: Metric
    """How many objects the queue was not told of; there once it is to be told of any."""

    def __init__(self, scope: Construct, id: str, *, name: str) -> None:
        super().__init__(scope, id, name=name)
        self._queue.visibility_timeout_seconds = 300

    def announce_objects(self, bucket: str, *, rule_name: str) -> None:
        """Adds a message for each object that comes into the bucket with this name, which tells EventBridge."""
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [bucket]}},
        }
        rule = CloudwatchEventRule(
            self,
            "arrivals",
            name=f"{rule_name}-{self._environment.name}",
            event_pattern=json.dumps(pattern),
        )
        # With an id of the provider's, a deploy that was killed here would leave a target that nobody knows.
        CloudwatchEventTarget(self, "announcement", rule=rule.name, arn=self.arn, target_id="queue")
        # EventBridge tells KMS of no source account or ARN (SNS developer guide, "Key management"). Whoever else sends
        # by EventBridge is refused by the queue.
        self._let_send("events.amazonaws.com", rule.arn, sid="Events", names_source=False)
        self.announcement_failures = Metric("AWS/Events", "FailedInvocations", "Sum", {"RuleName": rule.name})
