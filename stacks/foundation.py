"""What every stack stands on: where its state is kept, which account it goes to, and its tags."""

from collections.abc import Mapping
from dataclasses import dataclass

from cdktf import CloudBackend, LocalBackend, NamedCloudWorkspace, S3Backend, TerraformStack
from cdktf_cdktf_provider_aws.data_aws_caller_identity import DataAwsCallerIdentity
from cdktf_cdktf_provider_aws.data_aws_partition import DataAwsPartition
from cdktf_cdktf_provider_aws.data_aws_region import DataAwsRegion
from cdktf_cdktf_provider_aws.provider import AwsProvider, AwsProviderDefaultTags

from stacks.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where a stack is deployed: references that Terraform resolves."""

    id: str
    partition: str
    dns_suffix: str
    """``amazonaws.com``, but for China."""
    region: str

    def arn(self, service: str, resource: str) -> str:
        """The ARN of what belongs to this account and region, whether it is there yet or not."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"


def lay_foundation(
    stack: TerraformStack, settings: Settings, *, tags: Mapping[str, str], state_key: str
) -> Account:
    """Gives `stack` its one backend, its provider and its data sources.

    Args:
        stack: an empty stack.
        settings: of the environment.
        tags: set on every resource that takes tags.
        state_key: names the state among all others of a region, for example ``tracking/dev``.
    """
    state_key += settings.state_suffix
    if settings.state.owner == "hcp":
        workspace = NamedCloudWorkspace(name=state_key.replace("/", "-"))
        CloudBackend(stack, organization=settings.state.hcp_organization, workspaces=workspace)
    elif settings.state.owner == "local":
        # The default path is absolute, and so differs from folder to folder.
        LocalBackend(stack, path=f"../../../terraform.{state_key.replace('/', '-')}.tfstate")
    else:
        backend = S3Backend(
            stack,
            bucket=settings.state.bucket,
            key=f"{state_key}/terraform.tfstate",
            region=settings.region,
            encrypt=True,
            use_path_style=settings.emulated or None,
        )
        backend.add_override("use_lockfile", True)  # younger than the binding

    AwsProvider(
        stack,
        "aws",
        region=settings.region,
        default_tags=[AwsProviderDefaultTags(tags=dict(tags))],
        # An emulator has no host name for each bucket, and answers 500 for what it does not know.
        s3_use_path_style=settings.emulated or None,
        max_retries=3 if settings.emulated else None,
    )
    partition = DataAwsPartition(stack, "partition")
    return Account(
        id=DataAwsCallerIdentity(stack, "account").account_id,
        partition=partition.partition,
        dns_suffix=partition.dns_suffix,
        region=DataAwsRegion(stack, "region").name,
    )
