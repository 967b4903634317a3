"""Plans and applies by Terraform, of stacks that need no AWS: what is done, what is reported, and what is refused."""

import io
import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.aws import EmbeddedAws
from main import LOCK, ROOT
from tests import commands
from tests.commands import run
from tools.deploy import PLAN, Deployment
from tools.failures import DeployError
from tools.stacks import Stacks
from tools.state_bucket import delete_empty_state

pytestmark = pytest.mark.slow

REPORT_CHARACTERS = 5_000
#: Has Terraform's own provider stand in for AWS's, of which these stacks need nothing and which takes seconds to start.
BUILT_IN = {"terraform": {"required_providers": {"aws": {"source": "terraform.io/builtin/terraform"}}}}


@pytest.fixture
def output() -> Iterator[str]:
    """An output folder inside the project, relative to it."""
    (ROOT / "build").mkdir(exist_ok=True)
    with TemporaryDirectory(dir=ROOT / "build") as folder:
        yield str(Path(folder).relative_to(ROOT))


def write_stack(
    place: str,
    name: str = "notes",
    /,
    *,
    environment: str = "dev",
    region: str = "us-east-1",
    backend: str = "",
    after: tuple[str, ...] = (),
    **configuration: Any,
) -> None:
    """A stack as the app would leave it.

    Args:
        place: the output folder.
        name: of the stack.
        environment: that the stack is of.
        region: of its provider.
        backend: the file of its state; the default is in its folder.
        after: the stacks that are deployed before it.
        configuration: what it holds.
    """
    folder = ROOT / place / "stacks" / name
    folder.mkdir(parents=True, exist_ok=True)
    terraform: dict[str, Any] = {"required_providers": {"aws": {"source": "aws", "version": "5.100.0"}}}
    if backend:
        terraform["backend"] = {"local": {"path": backend}}
    provider = {"region": region, "default_tags": [{"tags": {"Environment": environment}}]}
    stack = {"terraform": terraform, "provider": {"aws": [provider]}, **configuration}
    (folder / "cdk.tf.json").write_text(json.dumps(stack), encoding="utf-8")
    (folder / "override.tf.json").write_text(json.dumps(BUILT_IN), encoding="utf-8")
    manifest = ROOT / place / "manifest.json"
    stacks = json.loads(manifest.read_bytes())["stacks"] if manifest.exists() else {}
    stacks[name] = {"dependencies": list(after)}
    manifest.write_text(json.dumps({"stacks": stacks}), encoding="utf-8")


def note(value: str) -> dict[str, Any]:
    """An output with this value."""
    return {"note": {"value": value}}


def deployed(output: str) -> str:
    """The value of the output that was deployed."""
    state = json.loads((ROOT / output / "stacks/notes/terraform.tfstate").read_bytes())
    return str(state["outputs"]["note"]["value"])


def deployment(output: str, folder: Path | None = None) -> Deployment:
    """The runs of the stacks in `output`; `folder` takes the reports."""
    environ = {**os.environ, "ENVIRONMENT_SUFFIX": "dev"}
    if folder:
        environ["GITHUB_STEP_SUMMARY"] = str(folder / "summary.md")
    return Deployment(
        Stacks(environ, output=output),
        environ=environ,
        reports=folder and folder / "plans",
        report_characters=REPORT_CHARACTERS,
    )


def test_an_approved_plan_is_applied_and_reported_until_nothing_differs(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stack(output, output=note("~~~~~~\n</details>"))
    runs = deployment(output, tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    runs.deploy(["notes"], ask=True)
    report = (tmp_path / "plans/notes.md").read_text(encoding="utf-8")
    assert report.startswith("<details><summary><b>notes</b>: Changes to Outputs:</summary>")
    assert PLAN not in report
    fence = max(re.findall("~+", report), key=len)
    assert len(fence) > 6, "the text cannot end its block"
    assert report.index(fence) < report.index("note = ") < report.rindex(fence)

    assert runs.plan("notes") is False
    report = (tmp_path / "plans/notes.md").read_text(encoding="utf-8")
    assert "<b>notes</b>: No changes. Your infrastructure matches the configuration.</summary>" in report
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").count("<b>notes</b>") == 2


def test_a_long_plan_is_cut_at_its_beginning(output: str, tmp_path: Path) -> None:
    write_stack(output, output={f"note{number}": {"value": "x" * 500} for number in range(30)})
    deployment(output, tmp_path).plan("notes")
    report = (tmp_path / "plans/notes.md").read_text(encoding="utf-8")
    assert REPORT_CHARACTERS < len(report) < REPORT_CHARACTERS + 500
    assert "note9 " in report
    assert "(The beginning is in the log.)" in report


def test_a_plan_that_fails_is_an_error_and_reported_as_one(output: str, tmp_path: Path) -> None:
    write_stack(output, output=note("${nothing.of_this_name}"))
    with pytest.raises(DeployError, match="`terraform plan` of notes failed"):
        deployment(output, tmp_path).plan("notes", save=True)
    assert "<b>notes</b>: no plan" in (tmp_path / "plans/notes.md").read_text(encoding="utf-8")


def test_a_saved_plan_is_applied_once_and_another_is_not(output: str) -> None:
    write_stack(output, output=note("first"))
    runs = deployment(output)
    runs.plan("notes")
    with pytest.raises(DeployError, match="no saved plan of notes; run `make plan SAVE=1`"):
        runs.apply("notes")
    runs.plan("notes", save=True)
    # What was approved is applied, whatever the folder holds since.
    write_stack(output, output=note("second"))
    runs.apply("notes")
    assert deployed(output) == "first"
    with pytest.raises(DeployError, match="no saved plan of notes"):
        runs.apply("notes")


def test_a_plan_that_is_older_than_the_state_is_refused(output: str) -> None:
    write_stack(output, output=note("older"))
    runs = deployment(output)
    runs.plan("notes", save=True)
    saved = ROOT / output / "stacks/notes" / PLAN
    older = saved.read_bytes()
    write_stack(output, output=note("newer"))
    runs.deploy(["notes"], ask=False)
    saved.write_bytes(older)
    with pytest.raises(
        DeployError, match="something was deployed after it, so nothing was changed; plan again"
    ):
        runs.apply("notes")
    assert deployed(output) == "newer"


def archive(action: str, folder: Path, file: Path, key: str) -> subprocess.CompletedProcess[str]:
    return run("sh", "tools/plan_archive.sh", action, folder, file, environ={**os.environ, "PLAN_KEY": key})


def test_a_saved_plan_goes_encrypted_to_another_machine(output: str, tmp_path: Path) -> None:
    here, there, file = ROOT / output / "here", ROOT / output / "there", tmp_path / "plan.enc"
    secret = f"a secret {'x' * 5000}"
    write_stack(f"{output}/here", backend=str(tmp_path / "state"), output=note(secret))
    assert "no saved plan" in archive("pack", here, file, "key").stderr
    deployment(f"{output}/here").plan("notes", save=True)
    assert "PLAN_KEY is not set" in archive("pack", here, file, "").stderr
    assert archive("pack", here, file, "key").returncode == 0
    assert len(file.read_bytes()) > 1000
    assert run("tar", "-tzf", file).returncode != 0

    refused = archive("unpack", there, file, "another key")
    assert refused.returncode == 1
    assert "packed with another PLAN_KEY" in refused.stderr
    assert archive("unpack", there, file, "key").returncode == 0
    deployment(f"{output}/there").apply("notes")
    assert json.loads((tmp_path / "state").read_bytes())["outputs"]["note"]["value"] == secret


@pytest.mark.parametrize("answer", ["", "no\n", "y\n"])
def test_a_plan_that_is_not_approved_is_not_applied(
    output: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = deployment(output)
    monkeypatch.setattr(runs, "plan", lambda *_, **__: True)
    monkeypatch.setattr(runs, "apply", pytest.fail)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    with pytest.raises(DeployError, match="notes was not changed"):
        runs.deploy(["notes"], ask=True)


def test_a_stack_of_another_environment_is_refused(output: str) -> None:
    write_stack(output)
    write_stack(output, "notes-prod", environment="prod")
    write_stack(output, "state", environment="shared")
    stacks = Stacks({**os.environ, "ENVIRONMENT_SUFFIX": "dev"}, output=output)
    assert (stacks.names, stacks.shared) == (["notes"], ["state"])
    for name in ("notes-prod", "note"):
        with pytest.raises(DeployError, match=f"no stack '{name}' in dev; its stacks are notes"):
            deployment(output).plan(name)
    with pytest.raises(DeployError, match="holds no stack of staging; run `make synth`"):
        _ = Stacks({**os.environ, "ENVIRONMENT_SUFFIX": "staging"}, output=output).names


def test_a_synth_leaves_no_stack_of_an_earlier_one(output: str) -> None:
    write_stack(output, "tracking-prod", environment="prod")
    stacks = Stacks({**os.environ, "ENVIRONMENT_SUFFIX": "dev"}, output=output)
    stacks.synth()
    assert stacks.names == ["tracking-dev", "partners-dev", "public-dev"], "in the order of their deployment"
    assert stacks.shared == ["state"]
    folders = {folder.name for folder in (ROOT / output / "stacks").iterdir()}
    assert folders == {"state", "tracking-dev", "partners-dev", "public-dev"}


def test_stacks_are_deployed_after_those_that_they_depend_on(output: str) -> None:
    for region in ("", "_eu-central-1"):
        write_stack(output, f"public-dev{region}", after=(f"tracking-dev{region}",))
        write_stack(output, f"tracking-dev{region}")
    names = Stacks({**os.environ, "ENVIRONMENT_SUFFIX": "dev"}, output=output).names
    assert len(names) == 4
    for region in ("", "_eu-central-1"):
        assert names.index(f"tracking-dev{region}") < names.index(f"public-dev{region}")


def test_another_place_of_the_state_is_refused_until_the_state_is_moved(output: str, tmp_path: Path) -> None:
    write_stack(output, backend=str(tmp_path / "one"), output=note("kept"))
    deployment(output).deploy(["notes"], ask=False)
    write_stack(output, backend=str(tmp_path / "two"), output=note("kept"))
    with pytest.raises(
        DeployError, match=r"keep the state of notes elsewhere .* nothing was changed"
    ) as told:
        deployment(output).deploy(["notes"], ask=False)
    assert not (tmp_path / "two").exists()

    # A region has a state of its own, for which nobody is asked.
    write_stack(output, region="eu-central-1", backend=str(tmp_path / "other"), output=note("other"))
    deployment(output).deploy(["notes"], ask=False)

    write_stack(output, backend=str(tmp_path / "two"), output=note("kept"))
    stacks = Stacks(os.environ, output=output)
    move = str(told.value).partition("move the state: ")[2]
    commands.output("sh", "-c", f"echo yes | {move}", environ=stacks.variables("notes"))
    assert deployment(output).plan("notes") is False


def test_a_lock_of_another_provider_is_told_with_what_to_do(output: str) -> None:
    write_stack(output)
    folder = ROOT / output / "stacks/notes"
    (folder / "override.tf.json").unlink()
    locked = LOCK.read_text(encoding="utf-8").replace("5.100.0", "5.99.0")
    (folder / ".terraform.lock.hcl").write_text(locked, encoding="utf-8")
    with pytest.raises(DeployError, match="run `make lock`"):
        deployment(output).plan("notes")


def test_a_state_is_deleted_only_once_it_is_empty(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    bucket = f"state-{uuid.uuid4()}"
    backend = {"bucket": bucket, "key": "notes", "region": "us-east-1", "use_path_style": True}
    configuration = {"terraform": {"backend": {"s3": backend}}}
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))

    with pytest.raises(DeployError, match="its empty state is still there"):
        delete_empty_state(configuration, "notes")
    s3.create_bucket(Bucket=bucket)
    delete_empty_state(configuration, "notes")
    for resources, left in ([{"type": "aws_sqs_queue"}], 1), ([], 0):
        s3.put_object(Bucket=bucket, Key="notes", Body=json.dumps({"resources": resources}))
        delete_empty_state(configuration, "notes")
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == left
