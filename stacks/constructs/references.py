"""What another stack of the environment makes, known by its name whether it is there yet or not.

Nothing of it is looked up in AWS, so that every stack can be planned before any is deployed.
"""

from typing import NamedTuple

from stacks.constructs.account import Account
from stacks.constructs.key import allow_use
from stacks.constructs.role import Role


class KeyReference(NamedTuple):
    """An EncryptionKey: rights on it name its alias, since its id is not known beforehand."""

    name: str
    account: Account

    def grant_use(self, role: Role, *, via: str) -> None:
        """As EncryptionKey.grant_use."""
        # KMS developer guide, "Use aliases to control access to KMS keys".
        alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{self.name}"}}
        allow_use(role, self.account.arn("kms", "key/*"), via=via, account=self.account, condition=alias)


class TableReference(NamedTuple):
    """A Table; `key` is what it is encrypted with, if not with a key of DynamoDB's own."""

    name: str
    account: Account
    key: KeyReference | None

    def grant(self, role: Role, *operations: str) -> None:
        """As Table.grant."""
        role.allow(
            [f"dynamodb:{operation}" for operation in operations],
            self.account.arn("dynamodb", f"table/{self.name}"),
        )
        if self.key:
            self.key.grant_use(role, via="dynamodb")


class TopicReference(NamedTuple):
    """An AlarmTopic or a NotificationTopic."""

    name: str
    account: Account

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self.account.arn("sns", self.name)
