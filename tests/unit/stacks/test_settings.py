"""The settings, and what is said about wrong ones."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from main import ROOT
from stacks.settings import SettingsError, load_settings

CONTEXT = json.loads((ROOT / "cdktf.json").read_bytes())["context"]


def write(folder: Path, **blocks: dict[str, Any]) -> Path:
    path = folder / "cdktf.json"
    context = {name: {**CONTEXT.get(name, {}), **block} for name, block in {**CONTEXT, **blocks}.items()}
    path.write_text(json.dumps({"context": context}), encoding="utf-8")
    return path


@pytest.mark.parametrize("environment", ["dev", "staging", "prod", "pr-123"])
def test_the_block_of_the_environment_goes_before_the_defaults(environment: str) -> None:
    settings = load_settings(ROOT / "cdktf.json", {"ENVIRONMENT_SUFFIX": environment})
    block = CONTEXT["pr-*" if environment.startswith("pr-") else environment]
    for name, value in {**CONTEXT["defaults"], **block}.items():
        expected = value.replace("{region}", settings.region) if isinstance(value, str) else value
        assert getattr(settings, name) == expected
    assert settings.environment == environment


@pytest.mark.parametrize("environment", ["dev", "staging", "prod", "pr-*"])
def test_a_block_holds_only_what_differs(environment: str) -> None:
    assert not {name for name, value in CONTEXT[environment].items() if CONTEXT["defaults"][name] == value}


@pytest.mark.parametrize("goal", [99, 99.95])
def test_a_goal_may_be_a_whole_number_or_not(tmp_path: Path, goal: float) -> None:
    path = write(tmp_path, dev={"availability_goal_percent": goal})
    assert load_settings(path, {}).availability_goal_percent == goal


def test_every_setting_stands_in_the_table_of_the_docs() -> None:
    table = (ROOT / "docs/settings.md").read_text("utf-8").partition("\n| setting |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \|", table, re.MULTILINE)
    defaults = {name: default for names, default in rows for name in re.findall("`(.*?)`", names)}
    assert defaults.keys() == CONTEXT["defaults"].keys()
    for name, value in CONTEXT["defaults"].items():
        if name.startswith("alarm_") and isinstance(value, int):
            assert defaults[name] == str(value)


def test_dev_is_the_default() -> None:
    assert load_settings(ROOT / "cdktf.json", {}).environment == "dev"
    assert load_settings(ROOT / "cdktf.json", {"ENVIRONMENT_SUFFIX": ""}).environment == "dev"


def test_the_region_of_the_shell_goes_before_that_of_the_settings() -> None:
    settings = load_settings(ROOT / "cdktf.json", {"AWS_REGION": "eu-central-1"})
    assert settings.region == "eu-central-1"
    assert settings.state_bucket.endswith("eu-central-1")


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("region", "mars", "us-east-1"),
        ("state_owner", "git", "s3, hcp, local"),
        ("state_bucket", "A_b", "3 to 63"),
        ("state_bucket", None, "3 to 63"),
        ("memory_mb", 64, "128 to 10240"),
        ("memory_mb", "512", "128 to 10240"),
        ("memory_mb", True, "128 to 10240"),
        ("memory_mb", 512.5, "128 to 10240"),
        ("availability_goal_percent", True, "a number from 95 to 99.99"),
        ("availability_goal_percent", 100, "a number from 95 to 99.99"),
        ("status_index_shards", 0, "1 to 100"),
        ("log_retention_days", 8, "1, 3, 5, 7"),
        ("protect_from_deletion", 1, "true or false"),
        ("protect_from_deletion", "no", "true or false"),
        ("public_tracking", "ajar", "open, closed"),
        ("public_allowed_origins", ["shop.example.com"], "an origin such as"),
        ("public_allowed_origins", ["https://shop.example.com/"], "an origin such as"),
        ("public_log_retention_days", 31, "1, 3, 5, 7"),
        ("alarm_emails", "a@example.com", "a list"),
        ("public_allowed_origins", ["https://${shop}.example.com"], "an origin such as"),
        ("alarm_emails", ["a@example.com", "b"], "an e-mail address"),
        ("alarm_emails", ["a@example..com"], "an e-mail address"),
        ("alarm_emails", ["${a}@example.com"], "an e-mail address"),
        ("alarm_emails", ["a@example.com", "a@example.com"], "without repetition"),
        ("more_regions", ["eu-central-1", "eu-central-1"], "without repetition"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_may_be_and_where_it_stands(
    tmp_path: Path, setting: str, value: object, allowed: str
) -> None:
    path = write(tmp_path, staging={setting: value})
    with pytest.raises(SettingsError) as error:
        load_settings(path, {"ENVIRONMENT_SUFFIX": "staging"})
    for part in (repr(setting), "cdktf.json", "context.staging", json.dumps(value), allowed):
        assert part in str(error.value)
    assert load_settings(path, {"ENVIRONMENT_SUFFIX": "dev"})


@pytest.mark.parametrize("shell", [{}, {"AWS_REGION": "us-east-1"}])
def test_a_region_is_not_one_of_the_more_regions_too(tmp_path: Path, shell: dict[str, str]) -> None:
    # Two stacks would share its state.
    path = write(tmp_path, dev={"more_regions": ["eu-central-1", "us-east-1"]})
    with pytest.raises(SettingsError, match=r"'more_regions' in cdktf.json, context.dev, names us-east-1"):
        load_settings(path, shell)


def test_more_regions_of_a_wrong_type_are_told_whatever_the_shell_says(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'more_regions' in cdktf.json, context.dev is 5"):
        load_settings(write(tmp_path, dev={"more_regions": 5}), {"AWS_REGION": "eu-central-1"})


def test_the_block_with_an_environments_name_goes_before_patterns_that_match_it(tmp_path: Path) -> None:
    path = tmp_path / "cdktf.json"
    path.write_text(json.dumps({"context": {"p*": {"log_retention_days": 1}, **CONTEXT}}), encoding="utf-8")
    assert load_settings(path, {"ENVIRONMENT_SUFFIX": "prod"}).protect_from_deletion
    assert load_settings(path, {"ENVIRONMENT_SUFFIX": "pr-1"}).log_retention_days == 1


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"'memory' in cdktf.json, context.prod, is not a setting.*memory_mb"
    ):
        load_settings(write(tmp_path, prod={"memory": 1}), {"ENVIRONMENT_SUFFIX": "prod"})


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    path = write(tmp_path)
    document = json.loads(path.read_bytes())
    del document["context"]["defaults"]["memory_mb"]
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"'memory_mb' is missing.*context.defaults.*128 to 10240"):
        load_settings(path, {})


def test_hcp_needs_an_organization(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'hcp_organization'.*is empty"):
        load_settings(write(tmp_path, dev={"state_owner": "hcp"}), {})


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


def test_at_the_command_line_a_wrong_setting_is_one_line() -> None:
    app = subprocess.run(
        [sys.executable, ROOT / "main.py"],
        env={**os.environ, "ENVIRONMENT_SUFFIX": "nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert app.returncode == 1
    assert app.stdout == ""
    assert re.fullmatch(r"Error: ENVIRONMENT_SUFFIX is 'nowhere'.*\.\n", app.stderr)
