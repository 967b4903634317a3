"""A queue."""

from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from cdktf_cdktf_provider_aws.sqs_queue_policy import SqsQueuePolicy
from constructs import Construct

from stacks.constructs.environment import Environment
from stacks.constructs.metric import Metric
from stacks.constructs.role import Role, policy_document, refuse_plain_http

RETENTION_SECONDS = 14 * 24 * 3600


class EncryptedQueue(Construct):
    """A queue that is encrypted, reached over TLS alone, and keeps a message for 14 days.

    Args:
        name: without the environment's, which ends it.
    """

    def __init__(self, scope: Construct, id: str, *, name: str) -> None:
        super().__init__(scope, id)
        self._environment = Environment.of(self)
        self._queue, self._policy = self._add("queue", "policy", name)
        self.name, self.arn, self.url = self._queue.name, self._queue.arn, self._queue.url

    def metric(self, name: str) -> Metric:
        """A gauge that SQS emits for the queue, unless nothing was in it or asked for in 6 hours."""
        return Metric("AWS/SQS", name, "Maximum", {"QueueName": self.name})

    def grant_send(self, role: Role) -> None:
        """Lets `role` add messages."""
        self._grant(role, "sqs:SendMessage")

    def _grant(self, role: Role, *actions: str) -> None:
        role.allow([*actions], self.arn)
        if self._environment.key:
            self._environment.key.grant_use(role, via="sqs")

    def _add(self, id: str, policy_id: str, name: str) -> tuple[SqsQueue, SqsQueuePolicy]:
        key = self._environment.key
        queue = SqsQueue(
            self,
            id,
            name=f"{name}-{self._environment.name}",
            message_retention_seconds=RETENTION_SECONDS,
            sqs_managed_sse_enabled=None if key else True,
            kms_master_key_id=key.arn if key else None,
        )
        policy = policy_document(refuse_plain_http("sqs:*", queue.arn))
        return queue, SqsQueuePolicy(self, policy_id, queue_url=queue.url, policy=policy)

    def _let_send(self, service: str, source_arn: str, *, sid: str, names_source: bool) -> None:
        """Lets a service add messages for one source of it.

        Args:
            sid: of the statement in the key's policy.
            names_source: whether the service tells KMS too which source it acts for.
        """
        condition = {"ArnEquals": {"aws:SourceArn": source_arn}}
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sqs:SendMessage",
            "Resource": self.arn,
            "Condition": condition,
        }
        self._policy.policy = policy_document(statement, refuse_plain_http("sqs:*", self.arn))
        if self._environment.key:
            self._environment.key.allow_service(sid, service, condition if names_source else None)
