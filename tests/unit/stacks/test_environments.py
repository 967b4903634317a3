"""Environments and regions beside each other in one account: nothing may have the same name."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest

from main import ROOT
from stacks.settings import SettingsError, load_all_regions, load_settings
from tests.synthesis import resources, settings, stacks, synthesize, write_settings

ENVIRONMENTS = ["dev", "staging", "prod", "pr-1", "pr-123"]
REGIONS = ["us-east-1", "eu-central-1", "ap-southeast-2"]

#: Names that hold inside another resource, which is the environment's own.
INSIDE = (
    "aws_api_gateway_model",
    "aws_api_gateway_request_validator",
    "aws_apigatewayv2_stage",
)
#: What an account has once for all regions, by the beginning of its type. A dashboard's ARN names no region.
GLOBAL = ("aws_iam_", "aws_s3_bucket", "aws_cloudwatch_dashboard", "aws_cloudfront_", "aws_route53_")


def names(stacks: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(type, attribute, name) of whatever is named by a literal text."""
    for stack in stacks.values():
        for kind, items in stack["resource"].items():
            for item in items.values():
                for attribute, value in item.items():
                    named = attribute in ("name", "bucket") or attribute.endswith("_name")
                    if named and attribute != "metric_name" and "${" not in value and kind not in INSIDE:
                        yield kind, attribute, value


def without_state_stack(stacks: dict[str, Any]) -> dict[str, Any]:
    return {name: stack for name, stack in stacks.items() if not name.startswith("state")}


@pytest.mark.slow
def test_two_environments_share_no_name() -> None:
    found = {env: set(names(without_state_stack(synthesize(settings(env))))) for env in ENVIRONMENTS}
    for one, other in combinations(ENVIRONMENTS, 2):
        assert len(found[one]) >= 20
        assert not found[one] & found[other]


@pytest.mark.slow
def test_two_regions_share_no_name_that_an_account_has_once(tmp_path: Path) -> None:
    found = {}
    for chosen in load_all_regions(write_settings(tmp_path, dev={"deployment": {"regions": REGIONS}}), {}):
        found[chosen.region] = {name for name in names(synthesize(chosen)) if name[0].startswith(GLOBAL)}
    for one, other in combinations(REGIONS, 2):
        assert {kind for kind, *_ in found[one]} >= {
            "aws_iam_role",
            "aws_s3_bucket",
            "aws_cloudwatch_dashboard",
        }
        assert not found[one] & found[other]


@pytest.mark.slow
@pytest.mark.parametrize("owner", ["s3", "hcp", "local"])
def test_no_two_environments_or_regions_share_a_state(owner: str) -> None:
    owners = []
    # All environments in one region, and two of them in another too.
    places = [*product(ENVIRONMENTS, REGIONS[:1]), *product(ENVIRONMENTS[:2], REGIONS[1:2])]
    for env, region in places:
        chosen = settings(
            env,
            region=region,
            state={"owner": owner, "hcp_organization": "acme", "bucket": "of-all-regions"},
        )
        for name, stack in without_state_stack(synthesize(chosen)).items():
            terraform = stack["terraform"]
            owners.append(json.dumps([name.split("-")[0], terraform.get("backend"), terraform.get("cloud")]))
            workspace = terraform.get("cloud", {}).get("workspaces", {}).get("name", "")
            assert len(workspace) <= 90, "HCP Terraform's limit"
    assert len(set(owners)) == len(owners) >= len(places) * 2


def test_more_regions_are_more_stacks_of_the_environment(tmp_path: Path) -> None:
    path = write_settings(tmp_path, prod={"deployment": {"regions": REGIONS[:2]}})
    _, *elsewhere = load_all_regions(path, {"ENVIRONMENT_SUFFIX": "prod"})
    assert [chosen.region for chosen in elsewhere] == ["eu-central-1"]
    assert elsewhere[0].state.bucket.endswith("eu-central-1")
    only, *others = load_all_regions(path, {"ENVIRONMENT_SUFFIX": "prod", "DEPLOY_REGION": "eu-central-1"})
    assert (only, others) == (replace(elsewhere[0], deployment=only.deployment), [])
    assert {*synthesize(only)} == {f"{name}_eu-central-1" for name in stacks("prod")}


def test_regions_that_would_share_a_bucket_are_refused(tmp_path: Path) -> None:
    path = write_settings(
        tmp_path, dev={"deployment": {"regions": REGIONS}, "state": {"bucket": "one-for-all"}}
    )
    with pytest.raises(SettingsError, match=r"'state.bucket' in cdktf.json, context.dev, lacks {region}"):
        load_settings(path, {})
    hcp = write_settings(
        tmp_path,
        dev={
            "deployment": {"regions": REGIONS},
            "state": {"bucket": "one-for-all", "owner": "hcp", "hcp_organization": "acme"},
        },
    )
    assert load_settings(hcp, {})


def test_a_suffix_that_is_too_long_for_the_region_is_refused(tmp_path: Path) -> None:
    path = write_settings(tmp_path, **{"pr-*": {"deployment": {"regions": REGIONS}}})
    environ = {"ENVIRONMENT_SUFFIX": f"pr-{'x' * 22}", "DEPLOY_REGION": "ap-southeast-2"}
    chosen = load_settings(path, environ)
    for kind, attribute, name in names(synthesize(chosen)):
        if (kind, attribute) == ("aws_iam_role", "name"):
            assert len(name) <= 64
    environ["ENVIRONMENT_SUFFIX"] += "x"
    with pytest.raises(SettingsError, match=r"region ap-southeast-2.* may be 25 characters long"):
        load_settings(path, environ)


@pytest.mark.slow
def test_a_region_alone_changes_no_name(tmp_path: Path) -> None:
    def roles(region: str) -> set[str]:
        chosen = load_settings(write_settings(tmp_path, dev={"deployment": {"regions": [region]}}), {})
        found = names(without_state_stack(synthesize(chosen)))
        return {name for kind, attribute, name in found if (kind, attribute) == ("aws_iam_role", "name")}

    assert roles("eu-central-1") == roles("us-east-1") != set()


def test_the_lock_is_of_the_provider_that_the_bindings_want() -> None:
    lock = (ROOT / "stacks/provider.lock.hcl").read_text(encoding="utf-8")
    wanted = synthesize(settings("dev"))["state"]["terraform"]["required_providers"]["aws"]["version"]
    assert f'version     = "{wanted}"' in lock
    assert lock.count('"zh:') >= 4, "checksums of the packages of all platforms, as the registry signs them"


@pytest.mark.parametrize(
    ("group", "setting", "name"),
    [
        ("tracking", "reserved_concurrency", "tracking-processor"),
        ("public", "reserved_concurrency", "tracking-public"),
        ("partners", "reserved_concurrency", "tracking-inbound"),
        ("partners", "webhooks_reserved_concurrency", "tracking-webhooks"),
    ],
)
def test_concurrency_is_reserved_for_the_function_of_the_setting_alone(
    group: str, setting: str, name: str
) -> None:
    def reserved(synthesized: dict[str, Any]) -> dict[str, int]:
        return {
            function["function_name"]: function["reserved_concurrent_executions"]
            for stack in synthesized.values()
            for function in resources(stack, "aws_lambda_function")
            if "reserved_concurrent_executions" in function
        }

    assert reserved(stacks("dev")) == {}
    chosen = settings("dev", **{group: {setting: 20}})
    assert reserved(synthesize(chosen)) == {f"{name}-dev": 20}
