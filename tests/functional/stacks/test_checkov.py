"""The policy check: prod passes it, no skip is idle, and it bites."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.synthesis import settings, synthesize
from tools.policy import CONFIG, failures
from tools.toolchain import ToolError

pytestmark = pytest.mark.slow


def weaken(stack: dict[str, Any]) -> None:
    """Undoes, one resource each, what the checks are there for."""
    items = stack["resource"]

    def of(kind: str) -> Any:
        return next(iter(items[kind].values()))

    del of("aws_sqs_queue")["kms_master_key_id"]
    del of("aws_sns_topic")["kms_master_key_id"]
    of("aws_dynamodb_table")["point_in_time_recovery"]["enabled"] = False
    of("aws_cloudwatch_log_group")["retention_in_days"] = 30
    del of("aws_lambda_function")["tracing_config"]
    of("aws_api_gateway_method")["authorization"] = "NONE"
    of("aws_iam_role_policy")["policy"] = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    )
    of("aws_kms_key")["enable_key_rotation"] = False
    del items["aws_wafv2_web_acl_association"]


def test_prod_passes_a_weakened_stack_fails_and_skips_are_needed_where_they_hold_and_no_others(
    tmp_path: Path,
) -> None:
    stacks = synthesize(settings("prod", partners={"enabled": True, "log_retention_days": 365}))
    weakened = copy.deepcopy(stacks["tracking-prod"])
    weaken(weakened)
    bucket = {"resource": {"aws_s3_bucket": {"bucket": {"bucket": "name"}}}}
    found = failures({**stacks, "tracking-weakened": weakened, "another": bucket})
    assert {where.partition(":")[0] for *_, where in found} == {"tracking-weakened", "another"}
    expected = {
        "CKV_AWS_27",  # encryption of queues
        "CKV_AWS_26",  # of topics
        "CKV_AWS_28",  # recovery of tables
        "CKV_AWS_338",  # logs for a year
        "CKV_AWS_50",  # tracing
        "CKV_AWS_59",  # authorization
        "CKV_AWS_62",  # no policy for everything
        "CKV_AWS_7",  # rotation of keys
        "CKV2_AWS_29",  # a web ACL
        "CKV_AWS_18",  # the log of a bucket
    }
    assert expected <= {check for check, *_ in found}

    options, _, skips = CONFIG.read_text(encoding="utf-8").partition("skip-check:\n")
    strict = tmp_path / "strict.yaml"
    strict.write_text(options, encoding="utf-8")
    found = failures(stacks, strict)
    # A skip for one bucket holds for no other.
    elsewhere = {check for check, _, where in found if re.match(r"tracking-prod: (?!aws_s3_bucket\.)", where)}
    places = {
        "state": ":state/",
        **{f"{name}-prod": f":{name}-" for name in ("public", "tracking", "partners")},
    }
    needed = {
        check if check in elsewhere else check + places[where.partition(":")[0]] for check, _, where in found
    }
    assert set(re.findall(r"^  - (\S+)$", skips, re.M)) == needed
    for reason in skips.strip().split("\n\n"):
        assert re.match(r"\s*# \w.{40}", reason), f"without a reason: {reason}"


def test_what_cannot_be_checked_has_not_passed() -> None:
    with pytest.raises(ToolError, match="could not check"):
        failures({"broken": {"resource": {"aws_sqs_queue": {"queue": ["name"]}}}})
