"""What every stack has: where its state is kept, which account it goes to, its tags, its alarms and its outputs."""

from collections.abc import Mapping, Sequence

from cdktf import (
    CloudBackend,
    LocalBackend,
    NamedCloudWorkspace,
    S3Backend,
    TerraformOutput,
    TerraformStack,
)
from cdktf_cdktf_provider_aws.data_aws_caller_identity import DataAwsCallerIdentity
from cdktf_cdktf_provider_aws.data_aws_partition import DataAwsPartition
from cdktf_cdktf_provider_aws.data_aws_region import DataAwsRegion
from cdktf_cdktf_provider_aws.provider import AwsProvider, AwsProviderDefaultTags
from constructs import Construct

from stacks.constructs.account import Account
from stacks.constructs.alarms import Alarm, Alarms, CompositeAlarm
from stacks.constructs.dashboard import AlarmStatus, Dashboard, Widget
from stacks.constructs.environment import Environment
from stacks.constructs.key import EncryptionKey
from stacks.constructs.references import TopicReference
from stacks.constructs.topic import AlarmTopic
from stacks.settings import Settings


class Stack(TerraformStack):
    """A stack with its one backend, its provider and its data sources.

    Args:
        state_key: names the state among all others of a region, for example ``tracking/dev``.
        tags: set on every resource that takes tags, if not those of the settings.
    """

    environment: Environment
    """There once `set_environment` was called."""
    #: Of the alarms that have a threshold, without the environment.
    alarm_names: Sequence[str] = ()

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: Settings,
        *,
        state_key: str,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(scope, id)
        self._settings = settings
        _add_backend(self, settings, state_key + settings.state_suffix)
        AwsProvider(
            self,
            "aws",
            region=settings.region,
            default_tags=[AwsProviderDefaultTags(tags=dict(tags or settings.tags))],
            # An emulator has no host name for each bucket, and answers 500 for what it does not know.
            s3_use_path_style=settings.emulated or None,
            max_retries=3 if settings.emulated else None,
        )
        partition = DataAwsPartition(self, "partition")
        self.account = Account(
            id=DataAwsCallerIdentity(self, "account").account_id,
            partition=partition.partition,
            dns_suffix=partition.dns_suffix,
            region=DataAwsRegion(self, "region").name,
        )

    def set_environment(self, *, key: EncryptionKey | None, log_retention_days: int) -> None:
        """Says what the constructs of this stack have in common; `key` encrypts data and logs."""
        self.environment = Environment(
            name=self._settings.environment,
            region_suffix=self._settings.region_suffix,
            account=self.account,
            key=key,
            log_retention_days=log_retention_days,
            protect_from_deletion=self._settings.deployment.protect_from_deletion,
            emulated=self._settings.emulated,
        )

    def watch(
        self,
        name: str,
        *,
        topic: AlarmTopic | TopicReference,
        alarms: Sequence[Alarm | CompositeAlarm],
        graphs: Sequence[Sequence[Widget]],
    ) -> Dashboard:
        """Adds alarms, which tell `topic`, and a dashboard of this name with their states on top."""
        made = Alarms(self, "alarms", settings=self._settings, topic=topic, rows=alarms)
        self.alarm_names = made.names
        return Dashboard(
            self,
            "dashboard",
            name=f"{name}-{self._settings.environment}{self._settings.region_suffix}",
            region=self.account.region,
            rows=[[AlarmStatus("Alarms", made.arns)], *graphs],
        )

    def add_outputs(self, id_prefix: str = "", **values: str | int) -> None:
        """Adds Terraform's outputs; `id_prefix` keeps their ids apart from those of other constructs."""
        for name, value in values.items():
            TerraformOutput(self, f"{id_prefix}{name}", value=value).override_logical_id(name)


def _add_backend(stack: TerraformStack, settings: Settings, state_key: str) -> None:
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
