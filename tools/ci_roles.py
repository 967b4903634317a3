"""`python -m tools.ci_roles`: the IAM roles with which GitHub or HCP Terraform plans and deploys an environment.

Writes their policies, filled in, into build/roles, and prints the commands that make them.
"""

import argparse
import json
import os
import shlex
from typing import Any

import boto3

from stacks.settings import Settings, load_settings
from tools.failures import one_sentence
from tools.github import GitHub
from tools.stacks import Stacks
from tools.toolchain import ROOT

FOLDER = ROOT / "build/roles"

#: Whoever issues the tokens, with the audience that they name.
GITHUB, HCP = "token.actions.githubusercontent.com", "app.terraform.io"
AUDIENCES = {GITHUB: "sts.amazonaws.com", HCP: "aws.workload.identity"}

#: What shows customers' data, which a plan has no need of.
CUSTOMERS_DATA = {
    "dynamodb": ("BatchGetItem", "GetItem", "GetRecords", "PartiQLSelect", "Query", "Scan"),
    "logs": ("FilterLogEvents", "GetLogEvents", "GetLogRecord", "StartLiveTail", "StartQuery"),
}


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [*statements]}


#: Beside AWS's ReadOnlyAccess, which reads customers' data too, and decrypts nothing: under a key of the
#: environment's own Terraform would compare neither the parameters nor the functions' variables.
PLAN_POLICY = _policy(
    {
        "Effect": "Deny",
        "Action": [f"{service}:{action}" for service, names in CUSTOMERS_DATA.items() for action in names],
        "Resource": "*",
    },
    {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringLike": {"kms:ViaService": ["ssm.*.amazonaws.com", "lambda.*.amazonaws.com"]}},
    },
)


def deploy_policy(account: str, environment: str) -> dict[str, Any]:
    """Beside AWS's PowerUserAccess, which has no rights on roles: those on the roles of the environment."""
    actions = ("*Role", "*RolePolicy", "ListRolePolicies", "ListAttachedRolePolicies", "*RoleTags")
    return _policy(
        {
            "Effect": "Allow",
            "Action": [f"iam:{action}" for action in (*actions, "ListInstanceProfilesForRole")],
            "Resource": f"arn:aws:iam::{account}:role/tracking-*-{environment}*",
        }
    )


def trust_policy(account: str, issuer: str, subjects: list[str]) -> dict[str, Any]:
    """Lets in the tokens of `issuer` with one of these subjects, in which a star stands for any text."""
    return _policy(
        {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{issuer}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {f"{issuer}:aud": AUDIENCES[issuer]},
                "StringLike": {f"{issuer}:sub": subjects},
            },
        }
    )


def github_subjects(repository: dict[str, Any], environment: str) -> list[str]:
    """Those of the jobs of a GitHub environment.

    Args:
        repository: what GitHub's API says of the repository.
        environment: the name of the GitHub environment.
    """
    owner, name = repository["owner"]["login"], repository["name"]
    # Repositories that were made, renamed or moved since 2026-07-15 send the second.
    return [
        f"repo:{owner}/{name}:environment:{environment}",
        f"repo:{owner}@{repository['owner']['id']}/{name}@{repository['id']}:environment:{environment}",
    ]


def roles(
    settings: Settings,
    account: str,
    *,
    repository: dict[str, Any] | None,
    workspaces: list[str],
    project: str = "",
) -> dict[str, Any]:
    """The trust policy and the policy of each role of an environment, by the role's name.

    Args:
        settings: of the environment; all environments `pr-*` share one role, and are not planned beforehand.
        account: the id of the AWS account.
        repository: what GitHub's API says of the repository whose jobs assume the roles, or
        workspaces: those of HCP Terraform whose runs do, and
        project: their project's name.
    """
    preview = settings.environment.startswith("pr-")
    suffix, name = ("pr-*", "preview") if preview else (settings.environment, settings.environment)
    policies = {name: deploy_policy(account, suffix)}
    if not preview:
        policies[f"{name}-plan"] = PLAN_POLICY
    found = {}
    for name, policy in policies.items():
        if repository:
            trust = trust_policy(account, GITHUB, github_subjects(repository, name))
        else:
            phase = "plan" if policy is PLAN_POLICY else "*"
            place = f"organization:{settings.state.hcp_organization}:project:{project}:workspace"
            names = [workspace.replace(settings.environment, suffix) for workspace in workspaces]
            trust = trust_policy(account, HCP, [f"{place}:{each}:run_phase:{phase}" for each in names])
        found[f"tracking-ci-{name}"] = {"trust": trust, "policy": policy}
    return found


def _workspaces() -> list[str]:
    stacks = Stacks(os.environ)
    stacks.synth()
    names = [*stacks.shared, *stacks.names]
    return [stacks.configuration(name)["terraform"]["cloud"]["workspaces"]["name"] for name in names]


def _commands(name: str, documents: dict[str, Any]) -> list[str]:
    """Writes the policies of a role, and tells the commands that make it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    files = {}
    for kind, document in documents.items():
        path = FOLDER / f"{name}.{kind}.json"
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        files[kind] = f"file://{shlex.quote(str(path.relative_to(ROOT)))}"
    managed = "ReadOnlyAccess" if documents["policy"] is PLAN_POLICY else "PowerUserAccess"
    return [
        f"aws iam create-role --role-name {name} --assume-role-policy-document {files['trust']}",
        f"aws iam attach-role-policy --role-name {name} --policy-arn arn:aws:iam::aws:policy/{managed}",
        f"aws iam put-role-policy --role-name {name} --policy-name {name} --policy-document {files['policy']}",
    ]


def main() -> None:
    """Prints the commands. Raises what `one_sentence` takes."""
    parser = argparse.ArgumentParser(prog="python -m tools.ci_roles", description=__doc__)
    parser.add_argument("--account", help="the AWS account; the default is that of the credentials")
    parser.add_argument(
        "--project", default="Default Project", help="of HCP Terraform, which has the workspaces"
    )
    arguments = parser.parse_args()
    settings = load_settings(ROOT / "cdktf.json", os.environ)
    account = arguments.account or boto3.client("sts").get_caller_identity()["Account"]
    hcp = settings.state.owner == "hcp"
    issuer = HCP if hcp else GITHUB
    made = roles(
        settings,
        account,
        repository=None if hcp else GitHub(os.environ).request("GET"),
        workspaces=_workspaces() if hcp else [],
        project=arguments.project,
    )
    print("# Once an account:")
    print(
        f"aws iam create-open-id-connect-provider --url https://{issuer} --client-id-list {AUDIENCES[issuer]}"
    )
    for name, documents in made.items():
        print(f"\n# {name}")
        print("\n".join(_commands(name, documents)))


if __name__ == "__main__":
    with one_sentence():
        main()
