"""The environment's own encryption key."""

from collections.abc import Mapping
from typing import Any

from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey
from constructs import Construct

from stacks.constructs.account import Account
from stacks.constructs.role import Role, policy_document

#: What a caller does with a key, directly or through a service, to read and write what is encrypted with it.
USE = ["kms:Decrypt", "kms:GenerateDataKey*"]


class EncryptionKey(Construct):
    """A customer-managed KMS key with yearly rotation, and its alias, for log groups and whatever is granted.

    AWS services can use a key of the customer's own; CloudWatch cannot publish to a topic that is encrypted
    with the key that AWS manages (SNS developer guide, "Key management").
    """

    def __init__(self, scope: Construct, id: str, *, name: str, account: Account) -> None:
        super().__init__(scope, id)
        self._account = account
        self._statements: list[dict[str, Any]] = [
            {
                # Without it the account's own policies could not grant the key (KMS developer guide,
                # "Default key policy"). The resource of a key policy is the key itself.
                "Sid": "AccountPolicies",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{account.partition}:iam::{account.id}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ]
        self._key = KmsKey(
            self,
            "key",
            description=f"Encrypts what {name} stores and sends",
            enable_key_rotation=True,
            deletion_window_in_days=30,
        )
        KmsAlias(self, "alias", name=f"alias/{name}", target_key_id=self._key.key_id)
        self.arn = self._key.arn
        self.allow_service(
            "Logs",
            f"logs.{account.region}.amazonaws.com",
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": account.arn("logs", "log-group:*")}},
            # All that the CloudWatch Logs user guide asks for ("Encrypt log data using AWS KMS"), since with less
            # it may refuse the key.
            ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        )

    def allow_service(
        self, sid: str, service: str, condition: Mapping[str, Any] | None, actions: list[str] = USE
    ) -> None:
        """Lets a service use the key in its own name; the owner of what the service writes to calls this."""
        statement = {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": actions,
            "Resource": "*",
        }
        self._statements.append({**statement, "Condition": condition} if condition else statement)
        self._key.policy = policy_document(*self._statements)

    def grant_use(self, role: Role, *, via: str) -> None:
        """What a caller of a resource under this key needs besides its rights on the resource.

        Args:
            role: of the caller.
            via: the service that uses the key for the caller, for example ``dynamodb``.
        """
        allow_use(role, self.arn, via=via, account=self._account)

    def grant_variables(self, role: Role, *, function: str) -> None:
        """Lets the function with this name and `role` read its own environment variables under this key.

        Lambda makes a grant for that when the function is made; it ends when somebody revokes it, or the role
        is made anew.
        """
        arn = self._account.arn("lambda", f"function:{function}")
        condition = {"StringEquals": {"kms:EncryptionContext:aws:lambda:FunctionArn": arn}}
        role.allow(["kms:Decrypt"], self.arn, condition=condition)

    def grant_schedule(self, role: Role, *, schedule: str) -> None:
        """Lets EventBridge Scheduler read the schedule with this name and `role` under this key.

        Its user guide, "Encryption at rest": whoever makes the schedule encrypts it, its role alone decrypts it.
        """
        arn = self._account.arn("scheduler", f"schedule/default/{schedule}")
        condition = {"StringEquals": {"kms:EncryptionContext:aws:scheduler:schedule:arn": arn}}
        role.allow(["kms:Decrypt"], self.arn, condition=condition)


def allow_use(
    role: Role, key: str, *, via: str, account: Account, condition: Mapping[str, dict[str, str]] | None = None
) -> None:
    """Lets `role` use the key with this ARN through a service alone, and if `condition` holds too."""
    service = {"StringEquals": {"kms:ViaService": f"{via}.{account.region}.{account.dns_suffix}"}}
    role.allow(USE, key, condition={**service, **(condition or {})})
