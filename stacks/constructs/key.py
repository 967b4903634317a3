"""The environment's own encryption key."""

from typing import Any

from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey
from constructs import Construct

from stacks.constructs.role import Role, policy_document
from stacks.foundation import Account


class Key(Construct):
    """A customer-managed KMS key of this account and region."""

    arn: str

    def __init__(self, scope: Construct, id: str, *, account: Account) -> None:
        super().__init__(scope, id)
        self._account = account

    def grant_use(self, role: Role, *, via: str) -> None:
        """What a caller of a resource under this key needs besides its rights on the resource.

        Args:
            role: of the caller.
            via: the service that uses the key for the caller, for example ``dynamodb``.
        """
        role.allow(
            ["kms:Decrypt", "kms:GenerateDataKey*"],
            self.arn,
            condition={
                "StringEquals": {"kms:ViaService": f"{via}.{self._account.region}.{self._account.dns_suffix}"}
            },
        )


class EncryptionKey(Key):
    """A customer-managed KMS key with yearly rotation, and its alias.

    AWS services can use a key of the customer's own; CloudWatch cannot publish to a topic that is encrypted
    with the key that AWS manages (SNS developer guide, "Key management").
    """

    def __init__(self, scope: Construct, id: str, *, name: str, account: Account) -> None:
        super().__init__(scope, id, account=account)
        statements = [
            {
                # Without it the account's own policies could not grant the key (KMS developer guide,
                # "Default key policy"). The resource of a key policy is the key itself.
                "Sid": "AccountPolicies",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{account.partition}:iam::{account.id}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            self._service_statement(
                "Alarms",
                "cloudwatch.amazonaws.com",
                ["kms:Decrypt", "kms:GenerateDataKey*"],
                {"StringEquals": {"aws:SourceAccount": account.id}},
            ),
            self._service_statement(
                "Logs",
                f"logs.{account.region}.amazonaws.com",
                # All that the CloudWatch Logs user guide asks for ("Encrypt log data using AWS KMS"), since with less
                # it may refuse the key.
                ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                {
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": (
                            f"arn:{account.partition}:logs:{account.region}:{account.id}:log-group:*"
                        )
                    }
                },
            ),
        ]
        self._key = KmsKey(
            self,
            "key",
            description=f"Encrypts what {name} stores and sends",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=policy_document(*statements),
        )
        KmsAlias(self, "alias", name=f"alias/{name}", target_key_id=self._key.key_id)
        self.arn = self._key.arn

    @staticmethod
    def _service_statement(
        sid: str, service: str, actions: list[str], condition: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": actions,
            "Resource": "*",
            "Condition": condition,
        }
