"""A log group that keeps what it has for as long as the settings say."""

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from constructs import Construct

from stacks.constructs.key import Key


def log_group(
    scope: Construct,
    id: str,
    *,
    name: str,
    retention_days: int,
    key: Key | None,
    protect_from_deletion: bool,
) -> CloudwatchLogGroup:
    """Makes a log group in `scope`."""
    return CloudwatchLogGroup(
        scope,
        id,
        name=name,
        retention_in_days=retention_days,
        kms_key_id=key.arn if key else None,
        lifecycle=TerraformResourceLifecycle(prevent_destroy=protect_from_deletion),
    )
