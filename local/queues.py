"""Makes the queues of a stack before Terraform does, which then imports them.

Terraform's AWS provider waits for half a minute after it has made a queue, until all of SQS knows it, and again after
it has given it a policy. In the embedded AWS nothing else takes as long.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

#: Arguments of aws_sqs_queue as SQS's attributes.
_ATTRIBUTES = {
    "message_retention_seconds": "MessageRetentionPeriod",
    "redrive_policy": "RedrivePolicy",
    "sqs_managed_sse_enabled": "SqsManagedSseEnabled",
    "visibility_timeout_seconds": "VisibilityTimeout",
}


def make_queues(folder: Path) -> list[dict[str, str]]:
    """Makes those queues whose arguments are known beforehand, with their policies; gives the import blocks.

    Args:
        folder: of a synthesized stack.
    """
    resources = json.loads((folder / "cdk.tf.json").read_bytes())["resource"]
    queues, policies = (resources.get(f"aws_sqs_queue{kind}", {}) for kind in ("", "_policy"))
    if not queues:
        return []
    sqs = boto3.client("sqs")
    # What the arguments refer to, with its value.
    known = {
        "${data.aws_caller_identity.account.account_id}": boto3.client("sts").get_caller_identity()[
            "Account"
        ],
        "${data.aws_partition.partition.partition}": "aws",
        "${data.aws_region.region.name}": sqs.meta.region_name,
    }
    blocks = []
    # A queue may refer to that of its dead letters.
    for name, queue in sorted(queues.items(), key=lambda item: "redrive_policy" in item[1]):
        arguments = {argument: value for argument, value in queue.items() if argument not in ("//", "name")}
        attributes = {
            _ATTRIBUTES.get(argument, ""): _resolve(_text(value), known)
            for argument, value in arguments.items()
        }
        if arguments.keys() <= _ATTRIBUTES.keys() and _known({**attributes, "name": queue["name"]}):
            url = sqs.create_queue(QueueName=queue["name"], Attributes=attributes)["QueueUrl"]
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
            known |= {
                f"${{aws_sqs_queue.{name}.arn}}": found["QueueArn"],
                f"${{aws_sqs_queue.{name}.url}}": url,
            }
            blocks.append({"to": f"aws_sqs_queue.{name}", "id": url})
    for name, policy in policies.items():
        url, text = (_resolve(policy[argument], known) for argument in ("queue_url", "policy"))
        if _known([url, text]):
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
            blocks.append({"to": f"aws_sqs_queue_policy.{name}", "id": url})
    return blocks


def _resolve(text: str, known: Mapping[str, str]) -> str:
    for reference, value in known.items():
        text = text.replace(reference, value)
    return text


def _known(value: object) -> bool:
    """Whether it refers to nothing else."""
    return "${" not in json.dumps(value)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
