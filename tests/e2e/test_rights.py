"""What the roles of the deployed functions may do: all that the functions' tests do, and nothing else."""

import json
import re

import boto3
import pytest

from tests.e2e.conftest import Deployment
from tests.rights import (
    DENIED,
    ENVIRONMENT,
    FUNCTIONS,
    KEY,
    Granted,
    beside,
    elsewhere,
    grants,
)

pytestmark = pytest.mark.usefixtures("deployment")


@pytest.fixture(params=FUNCTIONS)
def function(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def granted(deployment: Deployment, function: str) -> list[Granted]:
    """All that the role of the deployed function is granted."""
    lambda_, iam, kms = boto3.client("lambda"), boto3.client("iam"), boto3.client("kms")
    name = f"{FUNCTIONS[function].name}-{ENVIRONMENT}"
    role = lambda_.get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
    assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    key = kms.describe_key(KeyId=f"alias/tracking-{ENVIRONMENT}")["KeyMetadata"]["KeyId"]
    text = json.dumps(document).replace(f"key/{key}", KEY)
    return grants(json.loads(re.sub(rf"(tracking-\w+-{ENVIRONMENT})-[0-9a-f]{{12}}", r"\1-hash", text)))


def test_what_is_needed_is_granted(function: str, granted: list[Granted]) -> None:
    needed = FUNCTIONS[function].needed
    assert not [right for right in needed if not any(grant.covers(right) for grant in granted)]


def test_what_is_granted_is_needed(function: str, granted: list[Granted]) -> None:
    assert not [grant for grant in granted if not any(map(grant.covers, FUNCTIONS[function].needed))]


def test_all_else_is_denied(function: str, granted: list[Granted]) -> None:
    own = FUNCTIONS[function].needed
    others = set().union(*(other.needed for other in FUNCTIONS.values())) - own
    without_context = {right._replace(context="") for right in own if right.context}
    moved = {place for right in own for place in elsewhere(right)}
    forbidden = DENIED | others | without_context | moved | beside(own)
    assert not [right for right in forbidden if any(grant.covers(right) for grant in granted)]
