"""What an account needs once a region before any environment: the bucket of the Terraform states."""

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.api_gateway_account import ApiGatewayAccount
from cdktf_cdktf_provider_aws.iam_role_policy_attachment import IamRolePolicyAttachment
from cdktf_cdktf_provider_aws.s3_bucket_lifecycle_configuration import (
    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration,
)
from cdktf_cdktf_provider_aws.s3_bucket_versioning import (
    S3BucketVersioningA,
    S3BucketVersioningVersioningConfiguration,
)
from constructs import Construct

from stacks.constructs.account import Account
from stacks.constructs.bucket import PrivateBucket
from stacks.constructs.role import Role
from stacks.settings import Settings
from stacks.stack import Stack

#: Days for which an overwritten or deleted state can be brought back.
OLD_VERSIONS_DAYS = 90


class StateStack(Stack):
    """The state bucket, which also keeps this stack's own state, and API Gateway's role for writing logs.

    The bucket has to exist before Terraform can open a state in it, so `make state` creates it empty and this
    stack takes it over with an import block.
    """

    def __init__(self, scope: Construct, id: str, settings: Settings) -> None:
        super().__init__(
            scope, id, settings, state_key="state", tags={**settings.tags, "Environment": "shared"}
        )
        if settings.state.owner == "s3":
            # An emulator on this machine speaks plain HTTP.
            StateBucket(self, "bucket", name=settings.state.bucket, tls_only=not settings.emulated)
        if settings.deployment.api_gateway_account_role:
            ApiGatewayLogging(self, "api-gateway", account=self.account)


class StateBucket(PrivateBucket):
    """A bucket that is versioned, and not destroyed by accident."""

    def __init__(self, scope: Construct, id: str, *, name: str, tls_only: bool) -> None:
        super().__init__(scope, id, name=name, key=None, tls_only=tls_only)
        self._bucket.lifecycle = TerraformResourceLifecycle(prevent_destroy=True)
        self._bucket.import_from(name)
        S3BucketVersioningA(
            self,
            "versioning",
            bucket=self._bucket.id,
            versioning_configuration=S3BucketVersioningVersioningConfiguration(status="Enabled"),
        )
        old = S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(noncurrent_days=OLD_VERSIONS_DAYS)
        self._add_rule("old-versions", noncurrent_version_expiration=[old])


class ApiGatewayLogging(Construct):
    """The one role a region with which API Gateway writes the logs of all its APIs."""

    def __init__(self, scope: Construct, id: str, *, account: Account) -> None:
        super().__init__(scope, id)
        role = Role(
            self, "role", name=f"api-gateway-logs-{account.region}", service="apigateway.amazonaws.com"
        )
        attachment = IamRolePolicyAttachment(
            self,
            "policy",
            role=role.name,
            policy_arn=(
                f"arn:{account.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
            ),
        )
        ApiGatewayAccount(self, "account", cloudwatch_role_arn=role.arn, depends_on=[attachment])
