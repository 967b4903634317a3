"""A topic that people and programs are told through."""

from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription
from constructs import Construct

from stacks.constructs.key import EncryptionKey
from stacks.constructs.role import policy_document
from stacks.foundation import Account


class AlarmTopic(Construct):
    """Takes the alarms of this account; each address is asked once by e-mail to confirm its subscription."""

    def __init__(
        self, scope: Construct, id: str, *, name: str, key: EncryptionKey, emails: list[str], account: Account
    ) -> None:
        super().__init__(scope, id)
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
            policy=policy_document(statement),
        )
        for email in emails:
            SnsTopicSubscription(self, email, topic_arn=topic.arn, protocol="email", endpoint=email)
        self.arn = topic.arn
