"""Makes the queues of a stack before Terraform does, which then imports them.

Terraform's AWS provider waits for half a minute after it has made a queue, until all of SQS knows it, and again after
it has given it a policy. In the embedded AWS nothing else takes as long.
"""

import json
from pathlib import Path
from typing import Any

import boto3

#: Arguments of aws_sqs_queue as SQS's attributes.
_ATTRIBUTES = {
    "message_retention_seconds": "MessageRetentionPeriod",
    "sqs_managed_sse_enabled": "SqsManagedSseEnabled",
    "visibility_timeout_seconds": "VisibilityTimeout",
}


def make_queues(folder: Path) -> list[dict[str, str]]:
    """Makes those queues whose arguments are known beforehand, with their policies; gives the import blocks.

    Args:
        folder: of a synthesized stack.
    """
    resources = json.loads((folder / "cdk.tf.json").read_bytes())["resource"]
    sqs = boto3.client("sqs")
    arns, blocks = {}, []
    for name, queue in resources.get("aws_sqs_queue", {}).items():
        arguments = {argument: value for argument, value in queue.items() if argument not in ("//", "name")}
        if arguments.keys() <= _ATTRIBUTES.keys() and _known(queue):
            attributes = {_ATTRIBUTES[argument]: _text(value) for argument, value in arguments.items()}
            url = sqs.create_queue(QueueName=queue["name"], Attributes=attributes)["QueueUrl"]
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
            arns[f"aws_sqs_queue.{name}"] = found["QueueArn"]
            blocks.append({"to": f"aws_sqs_queue.{name}", "id": url})
    for name, policy in resources.get("aws_sqs_queue_policy", {}).items():
        queue = policy["queue_url"].removeprefix("${").removesuffix(".url}")
        if queue in arns and _known(text := policy["policy"].replace(f"${{{queue}.arn}}", arns[queue])):
            url = next(block["id"] for block in blocks if block["to"] == queue)
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
            blocks.append({"to": f"aws_sqs_queue_policy.{name}", "id": url})
    return blocks


def _known(value: object) -> bool:
    """Whether it refers to nothing else."""
    return "${" not in json.dumps(value)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
