"""A bucket that nobody but its owners reads."""

from typing import Any

from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.s3_bucket_lifecycle_configuration import (
    S3BucketLifecycleConfiguration,
    S3BucketLifecycleConfigurationRule,
    S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload,
    S3BucketLifecycleConfigurationRuleExpiration,
    S3BucketLifecycleConfigurationRuleFilter,
)
from cdktf_cdktf_provider_aws.s3_bucket_policy import S3BucketPolicy
from cdktf_cdktf_provider_aws.s3_bucket_public_access_block import S3BucketPublicAccessBlock
from cdktf_cdktf_provider_aws.s3_bucket_server_side_encryption_configuration import (
    S3BucketServerSideEncryptionConfigurationA,
    S3BucketServerSideEncryptionConfigurationRuleA,
    S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA,
)
from constructs import Construct

from stacks.constructs.environment import Environment
from stacks.constructs.key import EncryptionKey
from stacks.constructs.role import Role, policy_document, refuse_plain_http

#: For longer than the dead-letter queue keeps its message of an object.
KEPT_DAYS = 30


class PrivateBucket(Construct):
    """A bucket that is private, encrypted, and reached over TLS alone.

    Args:
        key: what it is encrypted with, if not with a key of S3's own.
        tls_only: an emulator on this machine speaks plain HTTP.
        force_destroy: whether what is in it is deleted with it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        key: EncryptionKey | None,
        tls_only: bool,
        force_destroy: bool = False,
    ) -> None:
        super().__init__(scope, id)
        self._key = key
        self._bucket = S3Bucket(self, "bucket", bucket=name, force_destroy=force_destroy)
        self.arn, self.name = self._bucket.arn, self._bucket.bucket
        default = S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA(
            sse_algorithm="aws:kms" if key else "AES256", kms_master_key_id=key.arn if key else None
        )
        S3BucketServerSideEncryptionConfigurationA(
            self,
            "encryption",
            bucket=self._bucket.id,
            rule=[
                S3BucketServerSideEncryptionConfigurationRuleA(
                    apply_server_side_encryption_by_default=default,
                    # One request to KMS for many objects.
                    bucket_key_enabled=True if key else None,
                )
            ],
        )
        S3BucketPublicAccessBlock(
            self,
            "private",
            bucket=self._bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        )
        if tls_only:
            refusal = refuse_plain_http("s3:*", self.arn, f"{self.arn}/*")
            S3BucketPolicy(self, "policy", bucket=self._bucket.id, policy=policy_document(refusal))

    def grant_put(self, role: Role) -> None:
        """Lets `role` add objects."""
        role.allow(["s3:PutObject"], f"{self.arn}/*")
        if self._key:
            self._key.grant_use(role, via="s3")

    def _add_rule(self, name: str, **deletion: Any) -> None:
        """Adds the bucket's one lifecycle rule, by which uploads that were broken off are deleted after a day too."""
        S3BucketLifecycleConfiguration(
            self,
            "expiration",
            bucket=self._bucket.id,
            rule=[
                S3BucketLifecycleConfigurationRule(
                    id=name,
                    status="Enabled",
                    filter=[S3BucketLifecycleConfigurationRuleFilter(prefix="")],
                    abort_incomplete_multipart_upload=[
                        S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(
                            days_after_initiation=1
                        )
                    ],
                    **deletion,
                )
            ],
        )


class ExpiringBucket(PrivateBucket):
    """A bucket of an environment that keeps for 30 days what is in it.

    Args:
        name: what its own begins with.
        rule: what its lifecycle rule is called.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, rule: str) -> None:
        environment = Environment.of(scope)
        super().__init__(
            scope,
            id,
            name=environment.bucket_name(name),
            key=environment.key,
            # An emulator on this machine speaks plain HTTP.
            tls_only=not environment.emulated,
            force_destroy=not environment.protect_from_deletion,
        )
        self._add_rule(rule, expiration=[S3BucketLifecycleConfigurationRuleExpiration(days=KEPT_DAYS)])
