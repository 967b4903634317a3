"""A bucket that nobody but its owners reads."""

from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.s3_bucket_policy import S3BucketPolicy
from cdktf_cdktf_provider_aws.s3_bucket_public_access_block import S3BucketPublicAccessBlock
from cdktf_cdktf_provider_aws.s3_bucket_server_side_encryption_configuration import (
    S3BucketServerSideEncryptionConfigurationA,
    S3BucketServerSideEncryptionConfigurationRuleA,
    S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA,
)
from constructs import Construct

from stacks.constructs.key import EncryptionKey
from stacks.constructs.role import policy_document, refuse_plain_http


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
        self.arn = self._bucket.arn
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
