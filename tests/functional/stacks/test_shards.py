"""How the number of shards of the status index changes: what Terraform hands out, deployment by deployment."""

import json
import os
from pathlib import Path

import pytest

import contract
from local.aws import EmbeddedAws
from storage.shards import Shards
from tests import provider, synthesis
from tests.commands import output
from tests.conftest import REGION
from tests.shards import DEPLOYMENTS, Deployment


@pytest.mark.slow
def test_terraform_hands_out_these_numbers(aws: EmbeddedAws, tmp_path: Path) -> None:
    (tmp_path / "provider").mkdir()
    environ = {**os.environ, **aws.environment(REGION)}
    with provider.running(tmp_path / "provider", environ) as running:
        got = deployed(tmp_path, {**provider.variables(environ), **running})
    assert got == DEPLOYMENTS


def deployed(folder: Path, environ: dict[str, str]) -> list[Deployment]:
    """What Terraform has handed out at each of the deployments, one after the other."""
    # Of the stack no more than what has to do with the number, which is what takes no minutes to deploy.
    got: list[Deployment] = []
    for deployment in DEPLOYMENTS:
        stack = synthesis.synthesize(
            synthesis.settings("pr-shards", tracking={"status_index_shards": deployment.wanted})
        )["tracking-pr-shards"]
        parameters = stack["resource"]["aws_ssm_parameter"]
        parameter = next(key for key in parameters if key.startswith("shards"))
        function = synthesis.resource(
            stack, "aws_lambda_function", function_name="tracking-processor-pr-shards"
        )["environment"]["variables"]
        assert "aws_lambda_function.processor" in parameters[parameter].pop("description"), "it has to wait"
        configuration = {
            "terraform": {"required_providers": stack["terraform"]["required_providers"]},
            "provider": {"aws": [{"region": REGION}]},
            "data": {"aws_ssm_parameters_by_path": stack["data"]["aws_ssm_parameters_by_path"]},
            "resource": {"aws_ssm_parameter": {parameter: parameters[parameter]}},
            "output": {
                "written": {"value": function[contract.STATUS_INDEX_SHARDS]},
                "read": {"value": function[contract.STATUS_INDEX_SHARDS_READ]},
            },
        }
        (folder / "main.tf.json").write_text(json.dumps(configuration))
        if not got:
            output("terraform", "init", "-input=false", folder=folder, environ=environ)
        output("terraform", "apply", "-input=false", "-auto-approve", folder=folder, environ=environ)
        state = json.loads((folder / "terraform.tfstate").read_bytes())
        outputs = {name: output["value"] for name, output in state["outputs"].items()}
        got.append(Deployment(deployment.wanted, Shards(**outputs)))
    return got
