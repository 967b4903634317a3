"""The topics that people and programs are told through."""

import json
from collections.abc import Mapping, Sequence

from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription
from constructs import Construct

import contract
from stacks.constructs.account import Account
from stacks.constructs.key import EncryptionKey
from stacks.constructs.metric import Metric
from stacks.constructs.role import Role, policy_document, refuse_plain_http


class AlarmTopic(Construct):
    """Takes the alarms of this account; each address is asked once by e-mail to confirm its subscription."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        key: EncryptionKey,
        emails: Sequence[str],
        account: Account,
    ) -> None:
        super().__init__(scope, id)
        key.allow_service(
            "Alarms", "cloudwatch.amazonaws.com", {"StringEquals": {"aws:SourceAccount": account.id}}
        )
        topic = SnsTopic(self, "topic", name=name, kms_master_key_id=key.arn)
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic.arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": account.id}},
        }
        SnsTopicPolicy(
            self,
            "policy",
            arn=topic.arn,
            policy=policy_document(statement, refuse_plain_http("sns:Publish", topic.arn)),
        )
        for email in emails:
            SnsTopicSubscription(self, email, topic_arn=topic.arn, protocol="email", endpoint=email)
        self.arn = topic.arn


class NotificationTopic(Construct):
    """Takes what is new of shipments; queues, webhooks and people of this account can subscribe to it.

    Args:
        emails: the addresses that are told, each with the statuses whose changes it is told of, none for everything.
            Each is asked once by e-mail to confirm its subscription.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        key: EncryptionKey,
        emails: Mapping[str, Sequence[str]],
    ) -> None:
        super().__init__(scope, id)
        self._key = key
        self._topic = SnsTopic(self, "topic", name=name, kms_master_key_id=key.arn)
        # SNS refuses sns:* here. Publishing is what carries data to it; to callers SNS itself speaks TLS alone.
        SnsTopicPolicy(
            self,
            "policy",
            arn=self._topic.arn,
            policy=policy_document(refuse_plain_http("sns:Publish", self._topic.arn)),
        )
        for email, statuses in emails.items():
            SnsTopicSubscription(
                self,
                email,
                topic_arn=self._topic.arn,
                protocol="email",
                endpoint=email,
                filter_policy=(
                    json.dumps({"event": [contract.STATUS_CHANGED], "status": list(statuses)})
                    if statuses
                    else None
                ),
            )
        self.name = self._topic.name
        self.arn = self._topic.arn

    def metric(self, name: str) -> Metric:
        """A metric that SNS emits for the topic."""
        return Metric("AWS/SNS", name, "Sum", {"TopicName": self.name})

    def grant_publish(self, role: Role) -> None:
        """Lets `role` publish, one by one or in batches."""
        role.allow(["sns:Publish"], self.arn)
        self._key.grant_use(role, via="sns")
