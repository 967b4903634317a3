"""The role of a service, and its one inline policy."""

import json
from typing import Any

from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy
from constructs import Construct

from stacks.constructs.account import Account


class Role(Construct):
    """An IAM role that a service assumes; it may do what the `grant_...` methods of others allow it.

    Args:
        source_account: the account that the service has to act for, where it tells that.
    """

    policy: IamRolePolicy
    """There from the first grant on, since IAM takes no empty policy."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        service: str,
        source_account: Account | None = None,
    ) -> None:
        super().__init__(scope, id)
        self._statements: list[dict[str, Any]] = []
        trust: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
        }
        if source_account:
            trust["Condition"] = {"StringEquals": {"aws:SourceAccount": source_account.id}}
        self._role = IamRole(self, "role", name=name, assume_role_policy=policy_document(trust))
        self.name = self._role.name
        self.arn = self._role.arn

    def allow(
        self, actions: list[str], *resources: str, condition: dict[str, dict[str, str]] | None = None
    ) -> None:
        """Adds a statement; the owner of a resource calls this for those it lets in."""
        statement: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": list(resources)}
        if condition:
            statement["Condition"] = condition
        if statement in self._statements:
            return
        self._statements.append(statement)
        document = policy_document(*self._statements)
        if len(self._statements) == 1:
            self.policy = IamRolePolicy(self, "policy", name=self.name, role=self.name, policy=document)
        else:
            self.policy.policy = document


def refuse_plain_http(action: str, *resources: str) -> dict[str, Any]:
    """The statement of a resource's policy that refuses an action, or all of a service's, without TLS."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",  # a refusal has to cover everyone to be one
        "Action": action,
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def policy_document(*statements: dict[str, Any]) -> str:
    """An IAM policy as JSON."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
