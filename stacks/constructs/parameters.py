"""The parameters that a running function reads."""

import json
from collections.abc import Mapping

from cdktf_cdktf_provider_aws.ssm_parameter import SsmParameter
from constructs import Construct

from stacks.constructs.environment import Environment
from stacks.constructs.role import Role


class Parameters(Construct):
    """The API's configuration and feature flags, and the table's name for whoever else needs it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        table_name: str,
        timeout_seconds: int,
        rate_limit: int,
        flags: Mapping[str, bool],
    ) -> None:
        super().__init__(scope, id)
        environment = Environment.of(self)
        self._config = SsmParameter(
            self,
            "config",
            name=f"/logistics/api/{environment.name}/config",
            type="String",
            value=json.dumps(
                # 10 MB is API Gateway's limit.
                {"max_request_size": "10MB", "timeout": timeout_seconds, "rate_limit": rate_limit}
            ),
        )
        self._endpoint = SsmParameter(
            self,
            "endpoint",
            name=f"/logistics/db/{environment.name}/endpoint",
            type="SecureString",
            value=table_name,
            key_id=environment.key.arn if environment.key else None,
        )
        self._flags = SsmParameter(
            self,
            "flags",
            name=f"/logistics/features/{environment.name}/flags",
            type="String",
            value=json.dumps(flags),
        )
        self.config_name = self._config.name
        self.endpoint_name = self._endpoint.name
        self.flags_name = self._flags.name

    def grant_read(self, role: Role) -> None:
        """Lets `role` read the configuration and the flags."""
        role.allow(["ssm:GetParameters"], self._config.arn, self._flags.arn)

    def grant_read_flags(self, role: Role) -> None:
        """Lets `role` read the flags alone."""
        role.allow(["ssm:GetParameters"], self._flags.arn)
