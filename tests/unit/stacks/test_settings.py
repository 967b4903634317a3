"""The settings, and what is said about wrong ones."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from main import ROOT
from stacks.settings import SettingsError, load_settings
from stacks.settings_schema import find_error, groups
from stacks.settings_schema import settings as schemas
from tests.commands import run
from tests.synthesis import stacks, write_settings
from tools.generated import filled
from tools.settings import DOCUMENT, render

CONTEXT = json.loads((ROOT / "cdktf.json").read_bytes())["context"]


@pytest.mark.parametrize("environment", ["dev", "staging", "prod", "pr-123"])
def test_the_block_of_the_environment_overrides_the_defaults(environment: str) -> None:
    settings = load_settings(ROOT / "cdktf.json", {"ENVIRONMENT_SUFFIX": environment})
    block = CONTEXT["pr-*" if environment.startswith("pr-") else environment]
    for group, kinds in {name: schemas(name) for name in groups() if name != "alarms"}.items():
        for name, kind in kinds.items():
            found = [
                part[group][name] for part in (block, CONTEXT["defaults"]) if name in part.get(group, {})
            ]
            expected = [*found, kind.get("default")][0]
            if name == "bucket":
                expected = expected.replace("{region}", settings.region)
            assert getattr(getattr(settings, group), name) == expected
    assert settings.alarms == block.get("alarms", {})
    assert settings.environment == environment


@pytest.mark.parametrize("environment", CONTEXT)
def test_a_block_holds_only_what_differs(environment: str) -> None:
    same = {
        (group, name)
        for group, chosen in CONTEXT[environment].items()
        for name, value in chosen.items()
        if group != "alarms" and schemas(group)[name].get("default") == value
    }
    assert not same


def test_the_schema_is_one_and_takes_the_file_that_names_it() -> None:
    document = json.loads((ROOT / "cdktf.json").read_bytes())
    schema = json.loads((ROOT / document["$schema"]).read_bytes())
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft7Validator(schema).validate(document)


def test_every_setting_says_what_it_is_and_has_a_default_that_it_may_be() -> None:
    for group in groups():
        for name, kind in schemas(group).items():
            assert len(kind["description"]) > 10, (group, name)
            if (group, name) != ("state", "bucket"):
                assert find_error({group: {name: kind["default"]}}, "the schema") is None


@pytest.mark.parametrize("percent", [99, 99.95])
def test_a_percentage_may_be_a_whole_number_or_not(tmp_path: Path, percent: float) -> None:
    monitoring, alarms = {"availability_goal_percent": percent}, {"tracking-api-5xx-rate": percent}
    found = load_settings(write_settings(tmp_path, dev={"monitoring": monitoring, "alarms": alarms}), {})
    assert found.monitoring.availability_goal_percent == percent
    assert found.alarms == alarms


def test_the_table_of_the_settings_is_not_stale() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert filled(text, render(stacks("dev"), stacks("prod"))) == text, "run `make docs`"


def test_dev_is_the_default() -> None:
    assert load_settings(ROOT / "cdktf.json", {}).environment == "dev"
    assert load_settings(ROOT / "cdktf.json", {"ENVIRONMENT_SUFFIX": ""}).environment == "dev"


def test_one_of_the_regions_can_be_chosen_and_that_of_the_shell_is_none(tmp_path: Path) -> None:
    path = write_settings(tmp_path, dev={"deployment": {"regions": ["eu-central-1", "us-east-1"]}})
    assert load_settings(path, {"AWS_REGION": "us-east-1"}).region == "eu-central-1"
    settings = load_settings(path, {"DEPLOY_REGION": "us-east-1", "AWS_REGION": "eu-central-1"})
    assert settings.region == "us-east-1"
    assert settings.state.bucket.endswith("us-east-1")
    with pytest.raises(
        SettingsError,
        match=r"'deployment\.regions' in cdktf\.json, context\.dev, lacks mars, .*eu-central-1, us-east-1\.",
    ):
        load_settings(path, {"DEPLOY_REGION": "mars"})


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("deployment.regions", ["mars"], "us-east-1"),
        ("state.owner", "git", "s3, hcp, local"),
        ("state.bucket", "A_b", "3 to 63"),
        ("state.bucket", None, "3 to 63"),
        ("tracking.memory_mb", 64, "128 to 10240"),
        ("tracking.memory_mb", "512", "128 to 10240"),
        ("tracking.memory_mb", True, "128 to 10240"),
        ("tracking.memory_mb", 512.5, "128 to 10240"),
        ("monitoring.availability_goal_percent", True, "a number from 95 to 99.99"),
        ("monitoring.availability_goal_percent", 100, "a number from 95 to 99.99"),
        ("tracking.status_index_shards", 0, "1 to 100"),
        ("tracking.log_retention_days", 8, "1, 3, 5, 7"),
        ("deployment.protect_from_deletion", 1, "true or false"),
        ("deployment.protect_from_deletion", "no", "true or false"),
        ("deployment.repository", "acme/tracking", "https://github.com/acme/tracking"),
        ("deployment.repository", "https://example.com/${x}", "https://github.com/acme/tracking"),
        ("public.access", "ajar", "open, closed"),
        ("public.allowed_origins", ["shop.example.com"], "an origin such as"),
        ("public.allowed_origins", ["https://shop.example.com/"], "an origin such as"),
        ("public.log_retention_days", 31, "1, 3, 5, 7"),
        ("tracking.log_retention_days", True, "1, 3, 5, 7"),
        ("monitoring.emails", "a@example.com", "a list"),
        ("deployment.regions", [], "us-east-1"),
        ("state.bucket", "ends-with-a-newline\n", "3 to 63"),
        ("state.bucket", f"{'x' * 50}-{{region}}", "3 to 63"),
        ("alarms.tracking-api-4xx", -1, "a number from 0 to 1000000"),
        ("alarms.tracking-api-4xx", "50", "a number from 0 to 1000000"),
        ("public.allowed_origins", ["https://${shop}.example.com"], "an origin such as"),
        ("monitoring.emails", ["a@example.com", "b"], "an e-mail address"),
        ("monitoring.emails", ["a@example..com"], "an e-mail address"),
        ("monitoring.emails", ["${a}@example.com"], "an e-mail address"),
        ("monitoring.emails", ["a@example.com", "a@example.com"], "without repetition"),
        ("deployment.regions", ["eu-central-1", "eu-central-1"], "without repetition"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_may_be_and_where_it_stands(
    tmp_path: Path, setting: str, value: object, allowed: str
) -> None:
    group, _, name = setting.partition(".")
    path = write_settings(tmp_path, staging={group: {name: value}})
    with pytest.raises(SettingsError) as error:
        load_settings(path, {"ENVIRONMENT_SUFFIX": "staging"})
    for part in (repr(setting), "cdktf.json", "context.staging", json.dumps(value), allowed):
        assert part in str(error.value)
    assert load_settings(path, {"ENVIRONMENT_SUFFIX": "dev"})


@pytest.mark.parametrize("value", [5, [], "512"])
def test_a_group_is_an_object(tmp_path: Path, value: object) -> None:
    with pytest.raises(
        SettingsError, match=r"'tracking' in cdktf.json, context.dev, is .*an object with memory_mb, "
    ):
        load_settings(write_settings(tmp_path, dev={"tracking": value}), {})


def test_the_block_with_an_environments_name_overrides_patterns_that_match_it(tmp_path: Path) -> None:
    path = tmp_path / "cdktf.json"
    path.write_text(
        json.dumps({"context": {"p*": {"tracking": {"log_retention_days": 1}}, **CONTEXT}}), encoding="utf-8"
    )
    assert load_settings(path, {"ENVIRONMENT_SUFFIX": "prod"}).deployment.protect_from_deletion
    assert load_settings(path, {"ENVIRONMENT_SUFFIX": "pr-1"}).tracking.log_retention_days == 1


@pytest.mark.parametrize(
    ("block", "named", "there_are"),
    [
        ({"tracking": {"memory": 1}}, r"tracking\.memory", r"tracking\.memory_mb, .*tracking\.web_acl"),
        ({"memory_mb": 1}, "memory_mb", "deployment, state, .*alarms"),
    ],
)
def test_an_unknown_setting_is_named(
    tmp_path: Path, block: dict[str, Any], named: str, there_are: str
) -> None:
    with pytest.raises(
        SettingsError,
        match=f"'{named}' in cdktf.json, context.prod, is not a setting; the settings are {there_are}",
    ):
        load_settings(write_settings(tmp_path, prod=block), {"ENVIRONMENT_SUFFIX": "prod"})


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    path = write_settings(tmp_path, defaults={"state": {}})
    with pytest.raises(SettingsError, match=r"'state.bucket' in .*context.defaults, is missing; .*3 to 63"):
        load_settings(path, {})


def test_hcp_needs_an_organization(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'state.hcp_organization'.*is empty"):
        load_settings(write_settings(tmp_path, dev={"state": {"owner": "hcp"}}), {})


@pytest.mark.parametrize("suffix", ["A", "a b", "-a", "a-", "a_b", "ä", "x" * 33, "../prod", "dev\n"])
def test_a_suffix_that_aws_would_refuse_is_refused(suffix: str) -> None:
    with pytest.raises(SettingsError, match=r"ENVIRONMENT_SUFFIX is .* 1 to 32 lower-case letters"):
        load_settings(ROOT / "cdktf.json", {"ENVIRONMENT_SUFFIX": suffix})


def test_an_unknown_environment_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"'produktion'.*dev, staging, prod, pr-"):
        load_settings(ROOT / "cdktf.json", {"ENVIRONMENT_SUFFIX": "produktion"})


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"context": 1}', '{"context": {"defaults": 1}}', "\xff", "[" * 9999]
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cdktf.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SettingsError, match=r"cdktf\.json cannot be read"):
        load_settings(path, {})
    with pytest.raises(SettingsError, match=r"missing\.json cannot be read"):
        load_settings(tmp_path / "missing.json", {})


@pytest.mark.parametrize(
    ("author", "tag"),
    [
        ("dependabot[bot]", "dependabot_bot_"),
        ("José <jose@example.com>", "José _jose@example.com_"),
        ("", "unknown"),
        ("x" * 300, "x" * 256),
    ],
)
def test_tags_hold_what_aws_takes(author: str, tag: str) -> None:
    tags = load_settings(ROOT / "cdktf.json", {"COMMIT_AUTHOR": author, "REPOSITORY": "org/repo"}).tags
    assert tags["Author"] == tag
    assert tags["Repository"] == "org/repo"
    assert all(re.fullmatch(r"[\w .:/=+\-@]{1,256}", value) for value in tags.values())


@pytest.mark.parametrize(
    ("chosen", "environ", "tag"),
    [
        ("", {}, "unknown"),
        ("https://example.com/acme/tracking", {}, "https://example.com/acme/tracking"),
        ("https://example.com/acme/tracking", {"REPOSITORY": ""}, "https://example.com/acme/tracking"),
        ("https://example.com/acme/tracking", {"REPOSITORY": "acme/other"}, "acme/other"),
    ],
)
def test_the_tag_of_the_repository_is_the_setting_unless_the_variable_overrides_it(
    tmp_path: Path, chosen: str, environ: dict[str, str], tag: str
) -> None:
    path = write_settings(tmp_path, defaults={"deployment": {"repository": chosen}})
    assert load_settings(path, environ).tags["Repository"] == tag


def test_at_the_command_line_a_wrong_setting_is_one_line() -> None:
    app = run(sys.executable, "main.py", environ={**os.environ, "ENVIRONMENT_SUFFIX": "nowhere"})
    assert app.returncode == 1
    assert app.stdout == ""
    assert re.fullmatch(r"Error: ENVIRONMENT_SUFFIX is 'nowhere'.*\.\n", app.stderr)
