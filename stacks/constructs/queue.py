"""The dead-letter queue."""

from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from cdktf_cdktf_provider_aws.sqs_queue_policy import SqsQueuePolicy
from constructs import Construct

from stacks.constructs.key import EncryptionKey
from stacks.constructs.metric import Metric
from stacks.constructs.role import Role, policy_document, refuse_plain_http


class DeadLetterQueue(Construct):
    """Keeps for 14 days what a function was to handle while nobody waited, and could not.

    Of a batch of the table's stream it gets a letter that says where in the stream the records are; `make redrive`
    has them handled once more, while the stream has them. Of an asynchronous invocation it gets the event. A
    synchronous failure, such as one behind API Gateway, is told to the caller and never comes here.
    """

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
        SqsQueuePolicy(
            self,
            "policy",
            queue_url=self._queue.url,
            policy=policy_document(refuse_plain_http("sqs:*", self._queue.arn)),
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
