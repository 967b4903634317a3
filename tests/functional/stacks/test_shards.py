"""How the number of shards of the status index changes: what Terraform hands out, deployment by deployment."""

import json
import os
import subprocess
from pathlib import Path

import pytest

import contract
from local.aws import EmbeddedAws
from storage.shards import Shards
from tests import synthesis
from tests.conftest import REGION
from tests.shards import DEPLOYMENTS, Deployment
from tools.toolchain import environment as tool_environment
from tools.toolchain import provider_source


@pytest.mark.slow
def test_terraform_hands_out_these_numbers(aws: EmbeddedAws, tmp_path: Path) -> None:
    variables = tool_environment(os.environ)
    variables |= {**provider_source("5.100.0", variables), **aws.environment(REGION)}

    def terraform(*command: str) -> None:
        subprocess.run(["terraform", *command], cwd=tmp_path, env=variables, timeout=120, check=True)

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
        (tmp_path / "main.tf.json").write_text(json.dumps(configuration))
        if not got:
            terraform("init", "-input=false")
        terraform("apply", "-input=false", "-auto-approve")
        state = json.loads((tmp_path / "terraform.tfstate").read_bytes())
        outputs = {name: output["value"] for name, output in state["outputs"].items()}
        got.append(Deployment(deployment.wanted, Shards(**outputs)))
    assert got == DEPLOYMENTS
