"""The bucket of the dead letters."""

from cdktf_cdktf_provider_aws.s3_bucket_notification import S3BucketNotification
from constructs import Construct

from stacks.constructs.bucket import PrivateBucket
from stacks.constructs.environment import Environment
from stacks.constructs.queue import DeadLetterQueue
from stacks.constructs.role import Role

#: For longer than the message in the queue, with which the alarm ends.
KEPT_DAYS = 30


class DeadLetterBucket(PrivateBucket):
    """Keeps for 30 days the records of a stream that a function could not handle; `make redrive` sends them again.

    Lambda writes an object for each batch that it gives up. The queue gets a message of it, which keeps an alarm
    on until somebody has acted. (By EventBridge, since a bucket that announces its objects to a queue itself sends
    a test message first, which would set off the alarm.)
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Environment,
        queue: DeadLetterQueue,
        tls_only: bool,
    ) -> None:
        super().__init__(
            scope,
            id,
            name=environment.bucket_name("tracking-dlq"),
            key=environment.key,
            tls_only=tls_only,
            force_destroy=not environment.protect_from_deletion,
            kept_days={"dead-letters": KEPT_DAYS},
        )
        S3BucketNotification(self, "arrivals", bucket=self._bucket.id, eventbridge=True)
        queue.announce_objects(self._bucket.bucket, rule_name=f"tracking-dead-letters-{environment.name}")

    def grant_write(self, role: Role) -> None:
        """Lets Lambda write what the function with `role` could not handle.

        Lambda developer guide, "Retain discarded records for a DynamoDB event source in Lambda".
        """
        role.allow(["s3:PutObject"], f"{self.arn}/*")
        role.allow(["s3:ListBucket"], self.arn)
        if self._key:
            self._key.grant_use(role, via="s3")
