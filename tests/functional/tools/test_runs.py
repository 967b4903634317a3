"""Plans and applies by plain Terraform, of stacks that need no AWS: what is reported, and what is an error."""

import json
import os
import re
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
from tools.cdktf import Cdktf, DeployError
from tools.runs import Runs

pytestmark = pytest.mark.slow

REPORT_CHARACTERS = 5_000


@pytest.fixture
def output() -> Iterator[str]:
    """An output folder inside the project, relative to it."""
    (ROOT / "build").mkdir(exist_ok=True)
    with TemporaryDirectory(dir=ROOT / "build") as folder:
        yield str(Path(folder).relative_to(ROOT))


def synthesize(place: str, **configuration: Any) -> None:
    """A stack named `notes`, as the app would leave it."""
    folder = ROOT / place / "stacks/notes"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {"required_providers": {"aws": {"source": "aws", "version": "5.100.0"}}}
    (folder / "cdk.tf.json").write_text(json.dumps({"terraform": wanted, **configuration}), encoding="utf-8")
    (folder / ".terraform.lock.hcl").write_bytes(LOCK.read_bytes())


def runs(output: str, folder: Path) -> Runs:
    environ = {**os.environ, "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    return Runs(
        Cdktf(environ, output=output, show=print),
        reports=folder / "plans",
        report_characters=REPORT_CHARACTERS,
        environ=environ,
    )


def test_a_plan_is_reported_until_nothing_differs(output: str, tmp_path: Path) -> None:
    synthesize(output, output={"note": {"value": "~~~~~~\n</details>"}})
    made = runs(output, tmp_path)
    assert made.plan("notes") is True
    report = (tmp_path / "plans/notes.md").read_text(encoding="utf-8")
    assert report.startswith("<details><summary><b>notes</b>: Changes to Outputs:</summary>")
    fence = max(re.findall("~+", report), key=len)
    assert len(fence) > 6, "the text cannot end its block"
    assert report.index(fence) < report.index("note = ") < report.rindex(fence)

    made.apply("notes")
    assert made.plan("notes") is False
    report = (tmp_path / "plans/notes.md").read_text(encoding="utf-8")
    assert "<b>notes</b>: No changes. Your infrastructure matches the configuration.</summary>" in report
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").count("<b>notes</b>") == 2


def test_a_long_plan_is_cut_at_its_beginning(output: str, tmp_path: Path) -> None:
    synthesize(output, output={f"note{number}": {"value": "x" * 500} for number in range(30)})
    runs(output, tmp_path).plan("notes")
    report = (tmp_path / "plans/notes.md").read_text(encoding="utf-8")
    assert REPORT_CHARACTERS < len(report) < REPORT_CHARACTERS + 500
    assert "note9 " in report
    assert "(The beginning is in the log.)" in report


def test_a_plan_that_fails_is_an_error_and_reported_as_one(output: str, tmp_path: Path) -> None:
    synthesize(output, output={"note": {"value": "${nothing.of_this_name}"}})
    with pytest.raises(DeployError, match="could not plan notes"):
        runs(output, tmp_path).plan("notes")
    assert "<b>notes</b>: no plan" in (tmp_path / "plans/notes.md").read_text(encoding="utf-8")


def test_a_lock_of_another_provider_is_told_with_what_to_do(output: str, tmp_path: Path) -> None:
    synthesize(output)
    locked = ROOT / output / "stacks/notes/.terraform.lock.hcl"
    locked.write_text(locked.read_text(encoding="utf-8").replace("5.100.0", "5.99.0"), encoding="utf-8")
    with pytest.raises(DeployError, match="run `make lock`"):
        runs(output, tmp_path).plan("notes")


def test_a_stack_that_is_not_there_is_told_with_those_that_are(output: str, tmp_path: Path) -> None:
    synthesize(output)
    with pytest.raises(DeployError, match="There is no stack 'note'; the stacks are notes"):
        runs(output, tmp_path).plan("note")


def test_a_state_is_forgotten_only_once_it_is_empty(
    output: str, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    bucket = f"state-{uuid.uuid4()}"
    backend = {"bucket": bucket, "key": "notes", "region": "us-east-1", "use_path_style": True}
    synthesize(output, terraform={"backend": {"s3": backend}})
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    cdktf = Cdktf(os.environ, output=output)

    with pytest.raises(DeployError, match="its empty state is still there"):
        cdktf.forget_state("notes")
    s3.create_bucket(Bucket=bucket)
    cdktf.forget_state("notes")
    for resources, left in ([{"type": "aws_sqs_queue"}], 1), ([], 0):
        s3.put_object(Bucket=bucket, Key="notes", Body=json.dumps({"resources": resources}))
        cdktf.forget_state("notes")
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == left
