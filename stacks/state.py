"""What an account needs once a region before any environment: the bucket of the Terraform states."""

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.api_gateway_account import ApiGatewayAccount
from cdktf_cdktf_provider_aws.iam_role_policy_attachment import IamRolePolicyAttachment
from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.s3_bucket_lifecycle_configuration import (
    S3BucketLifecycleConfiguration,
    S3BucketLifecycleConfigurationRule,
    S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload,
    S3BucketLifecycleConfigurationRuleFilter,
    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration,
)
from cdktf_cdktf_provider_aws.s3_bucket_policy import S3BucketPolicy
from cdktf_cdktf_provider_aws.s3_bucket_public_access_block import S3BucketPublicAccessBlock
from cdktf_cdktf_provider_aws.s3_bucket_server_side_encryption_configuration import (
    S3BucketServerSideEncryptionConfigurationA,
    S3BucketServerSideEncryptionConfigurationRuleA,
    S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA,
)
from cdktf_cdktf_provider_aws.s3_bucket_versioning import (
    S3BucketVersioningA,
    S3BucketVersioningVersioningConfiguration,
)
from constructs import Construct

from stacks.constructs.account import Account
from stacks.constructs.role import Role, policy_document, refuse_plain_http
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


class StateBucket(Construct):
    """A bucket that is private, versioned, encrypted, reached over TLS alone, and not destroyed by accident."""

    def __init__(self, scope: Construct, id: str, *, name: str, tls_only: bool) -> None:
        super().__init__(scope, id)
        bucket = S3Bucket(
            self, "bucket", bucket=name, lifecycle=TerraformResourceLifecycle(prevent_destroy=True)
        )
        bucket.import_from(name)
        S3BucketVersioningA(
            self,
            "versioning",
            bucket=bucket.id,
            versioning_configuration=S3BucketVersioningVersioningConfiguration(status="Enabled"),
        )
        S3BucketServerSideEncryptionConfigurationA(
            self,
            "encryption",
            bucket=bucket.id,
            rule=[
                S3BucketServerSideEncryptionConfigurationRuleA(
                    apply_server_side_encryption_by_default=(
                        S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA(
                            sse_algorithm="AES256"
                        )
                    )
                )
            ],
        )
        S3BucketPublicAccessBlock(
            self,
            "private",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        )
        S3BucketLifecycleConfiguration(
            self,
            "expiration",
            bucket=bucket.id,
            rule=[
                S3BucketLifecycleConfigurationRule(
                    id="old-versions",
                    status="Enabled",
                    filter=[S3BucketLifecycleConfigurationRuleFilter(prefix="")],
                    noncurrent_version_expiration=[
                        S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(
                            noncurrent_days=OLD_VERSIONS_DAYS
                        )
                    ],
                    abort_incomplete_multipart_upload=[
                        S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(
                            days_after_initiation=1
                        )
                    ],
                )
            ],
        )
        if tls_only:
            refusal = refuse_plain_http("s3:*", bucket.arn, f"{bucket.arn}/*")
            S3BucketPolicy(self, "policy", bucket=bucket.id, policy=policy_document(refusal))


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
