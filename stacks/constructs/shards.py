"""How many shards the status index has, and once had."""

from cdktf_cdktf_provider_aws.data_aws_ssm_parameters_by_path import DataAwsSsmParametersByPath
from cdktf_cdktf_provider_aws.ssm_parameter import SsmParameter
from constructs import Construct

import contract
from stacks.constructs.environment import Environment
from stacks.constructs.function import PythonFunction


class StatusIndexShards(Construct):
    """The numbers for the functions; a parameter remembers between deployments how many shards are read.

    Readers look into as many shards as were ever deployed, since older updates stay where they are. Writers use
    the number wanted, but none that the deployment before did not read: while functions are replaced, old ones still
    answer. So a greater number takes two deployments, of which the first lets all functions read the new shards.
    """

    def __init__(self, scope: Construct, id: str, *, wanted: int) -> None:
        super().__init__(scope, id)
        self._name = contract.SHARDS_PARAMETER.format(environment=Environment.of(self).name)
        # By path, since that finds nothing, where the parameter's name would fail, before the first deployment.
        there = DataAwsSsmParametersByPath(self, "before", path=self._name.rpartition("/")[0])
        before = f"try(tonumber(nonsensitive({there.fqn}.values)[0]), {wanted})"
        #: Terraform expressions.
        self.read = f"${{max({wanted}, {before})}}"
        self.written = f"${{min({wanted}, {before})}}"

    def remember_once_read_by(self, function: PythonFunction) -> None:
        """Remembers the number of shards after `function` has got it, and not if that fails."""
        SsmParameter(
            self,
            "parameter",
            name=self._name,
            type="String",
            value=self.read,
            # The reference is what makes Terraform wait for the function.
            description=f"Shards of the status index that {function.name} reads",
        )
