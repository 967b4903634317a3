"""What the resources of an environment have in common."""

from dataclasses import dataclass
from typing import Any

from cdktf import Fn, TerraformStack
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from constructs import Construct

from stacks.constructs.account import Account
from stacks.constructs.key import EncryptionKey
from stacks.constructs.log_group import log_group


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What the constructs of a stack find by `Environment.of`."""

    name: str
    """Ends every name."""
    region_suffix: str
    """Ends the names of what an account has once for all regions, after the environment's."""
    account: Account
    key: EncryptionKey | None
    """Of the customer's own, for data and logs, if there is one."""
    log_retention_days: int
    protect_from_deletion: bool
    emulated: bool
    """AWS is an emulator on this machine."""

    @staticmethod
    def of(construct: Construct) -> "Environment":
        """That of the stack that holds the construct."""
        stack: Any = TerraformStack.of(construct)
        environment: Environment = stack.environment
        return environment

    def bucket_name(self, name: str) -> str:
        """What a bucket is called: unique in the world and in 63 characters, whatever the environment's name is."""
        place = Fn.substr(Fn.sha256(Fn.join("-", [self.account.id, self.account.region])), 0, 12)
        return f"{name}-{self.name}-{place}"

    def log_group(self, scope: Construct, id: str, *, name: str) -> CloudwatchLogGroup:
        """Makes a log group, whose whole name is `name`, in `scope`."""
        return log_group(
            scope,
            id,
            name=name,
            retention_days=self.log_retention_days,
            key=self.key,
            protect_from_deletion=self.protect_from_deletion,
        )
