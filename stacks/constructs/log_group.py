"""A log group that keeps what it has for as long as the settings say."""

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from constructs import Construct

from stacks.constructs.key import EncryptionKey


def log_group(
    scope: Construct,
    id: str,
    *,
    name: str,
    retention_days: int,
    key: EncryptionKey | None,
    protect_from_deletion: bool,
) -> CloudwatchLogGroup:
    """Makes a log group in `scope`.

    Terraform refuses to destroy one that is protected. If its block goes, as with a web ACL that is switched off,
    Terraform forgets the group, and what it holds stays in AWS.
    """
    return CloudwatchLogGroup(
        scope,
        id,
        name=name,
        retention_in_days=retention_days,
        kms_key_id=key.arn if key else None,
        skip_destroy=protect_from_deletion,
        lifecycle=TerraformResourceLifecycle(prevent_destroy=protect_from_deletion),
    )
