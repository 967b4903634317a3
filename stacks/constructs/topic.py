"""The topics that people and programs are told through."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription
from constructs import Construct

import contract
from stacks.constructs.environment import Environment
from stacks.constructs.key import EncryptionKey
from stacks.constructs.metric import Metric
from stacks.constructs.role import Role, policy_document, refuse_plain_http


class EncryptedTopic(Construct):
    """A topic under a key of the customer's; to callers SNS itself speaks TLS alone."""

    def __init__(self, scope: Construct, id: str, *, name: str, key: EncryptionKey) -> None:
        super().__init__(scope, id)
        self._key = key
        self._topic = SnsTopic(self, "topic", name=name, kms_master_key_id=key.arn)
        self.name, self.arn = self._topic.name, self._topic.arn

    def _add_policy(self, *statements: dict[str, Any]) -> None:
        # SNS refuses sns:* here. Publishing is what carries data to it.
        policy = policy_document(*statements, refuse_plain_http("sns:Publish", self.arn))
        SnsTopicPolicy(self, "policy", arn=self.arn, policy=policy)

    def _ask(self, email: str, *, filter_policy: str | None = None) -> None:
        """Has SNS ask an address once by e-mail to confirm its subscription."""
        SnsTopicSubscription(
            self, email, topic_arn=self.arn, protocol="email", endpoint=email, filter_policy=filter_policy
        )


class AlarmTopic(EncryptedTopic):
    """Takes the alarms of this account, of which each address is told."""

    def __init__(
        self, scope: Construct, id: str, *, name: str, key: EncryptionKey, emails: Sequence[str]
    ) -> None:
        super().__init__(scope, id, name=name, key=key)
        this_account = {"StringEquals": {"aws:SourceAccount": Environment.of(self).account.id}}
        key.allow_service("Alarms", "cloudwatch.amazonaws.com", this_account)
        self._add_policy(
            {
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": self.arn,
                "Condition": this_account,
            }
        )
        for email in emails:
            self._ask(email)


class NotificationTopic(EncryptedTopic):
    """Takes what is new of shipments; queues, webhooks and people of this account can subscribe to it.

    Args:
        emails: the addresses that are told, each with the statuses whose changes it is told of, none for everything.
    """

    def __init__(
        self, scope: Construct, id: str, *, name: str, key: EncryptionKey, emails: Mapping[str, Sequence[str]]
    ) -> None:
        super().__init__(scope, id, name=name, key=key)
        self._add_policy()
        for email, statuses in emails.items():
            wanted = {"event": [contract.STATUS_CHANGED], "status": list(statuses)}
            self._ask(email, filter_policy=json.dumps(wanted) if statuses else None)

    def metric(self, name: str) -> Metric:
        """A metric that SNS emits for the topic."""
        return Metric("AWS/SNS", name, "Sum", {"TopicName": self.name})

    def grant_publish(self, role: Role) -> None:
        """Lets `role` publish, one by one or in batches."""
        role.allow(["sns:Publish"], self.arn)
        self._key.grant_use(role, via="sns")
