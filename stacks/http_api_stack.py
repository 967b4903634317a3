"""What the stacks of the public and the partners' API have in common."""

from collections.abc import Sequence

from constructs import Construct

from stacks.constructs.http_api import HttpApi
from stacks.constructs.key import EncryptionKey
from stacks.constructs.references import KeyReference, TableReference, TopicReference
from stacks.settings import Partners, Public, Settings
from stacks.stack import Stack
from stacks.tracking import TrackingStack


class HttpApiStack(Stack):
    """A stack with an HTTP API, which uses tables and topics of `tracking`.

    It depends on that stack and knows what it makes by names alone: so it can be planned before they are there.
    CDKTF's own references between stacks would read the other stack's whole state instead: whoever deploys this
    stack would need a right to all that is in there, HCP Terraform's workspaces would have to be told to share it,
    and a state that is moved would break this one.

    Under a customer-managed key it has one of its own, since log groups and variables ask for a key's id.

    Args:
        name: of its state, and after ``tracking-`` of its key and its API.
        chosen: the settings of the API.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: Settings,
        *,
        tracking: TrackingStack,
        name: str,
        description: str,
        chosen: Public | Partners,
        allowed_origins: Sequence[str] | None = None,
    ) -> None:
        super().__init__(scope, id, settings, state_key=f"{name}/{settings.environment}")
        self.add_dependency(tracking)
        key = self._tracking_key = None
        if settings.deployment.customer_managed_key:
            key = EncryptionKey(
                self, "key", name=f"tracking-{name}-{settings.environment}", account=self.account
            )
            self._tracking_key = KeyReference(tracking.key_name, self.account)
        self.set_environment(key=key, log_retention_days=chosen.log_retention_days)
        self.alarm_topic = TopicReference(tracking.alarm_topic_name, self.account)
        self.api = HttpApi(
            self,
            "api",
            name=f"tracking-{name}",
            description=description,
            allowed_origins=allowed_origins,
            rate_limit=chosen.rate_limit,
            burst_limit=chosen.burst_limit,
        )

    def table(self, name: str) -> TableReference:
        """The table of `tracking` with this name."""
        return TableReference(name, self.account, self._tracking_key)
