"""The account and the region that a stack is deployed to."""

from dataclasses import dataclass


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
