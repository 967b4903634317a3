"""The bucket of the dead letters."""

from cdktf_cdktf_provider_aws.s3_bucket_notification import S3BucketNotification
from constructs import Construct

from stacks.constructs.bucket import ExpiringBucket
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.role import Role


class DeadLetterBucket(ExpiringBucket):
    """Keeps for 30 days the records of a stream that a function could not handle; `make redrive` sends them again.

    Lambda writes an object for each batch that it gives up. The queue gets a message of it, which keeps an alarm
    on until somebody has acted. (By EventBridge, since a bucket that announces its objects to a queue itself sends
    a test message first, which would set off the alarm.)
    """

    def __init__(self, scope: Construct, id: str, *, queue: DeadLetterQueue) -> None:
        super().__init__(scope, id, name="tracking-dlq", rule="dead-letters")
        S3BucketNotification(self, "arrivals", bucket=self._bucket.id, eventbridge=True)
        queue.announce_objects(self._bucket.bucket, rule_name="tracking-dead-letters")

    def grant_write(self, role: Role) -> None:
        """Lets Lambda write what the function with `role` could not handle.

        Lambda developer guide, "Retain discarded records for a DynamoDB event source in Lambda".
        """
        role.allow(["s3:PutObject"], f"{self.arn}/*")
        role.allow(["s3:ListBucket"], self.arn)
        if self._key:
            self._key.grant_use(role, via="s3")
