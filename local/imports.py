"""Makes before Terraform what its AWS provider waits for long after it was made; Terraform then imports it.

That is half a minute for a queue, as much for a queue's policy, and almost a minute for a bucket's lifecycle, until all
of the service is sure to know it. In the embedded AWS nothing else takes as long.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

#: Arguments of aws_sqs_queue as SQS's attributes.
_QUEUE = {
    "message_retention_seconds": "MessageRetentionPeriod",
    "redrive_policy": "RedrivePolicy",
    "sqs_managed_sse_enabled": "SqsManagedSseEnabled",
    "visibility_timeout_seconds": "VisibilityTimeout",
}
#: What the provider sets where nothing is said, and the embedded AWS does not.
_QUEUE_DEFAULTS = {"MaximumMessageSize": "262144"}
#: Arguments of a rule of aws_s3_bucket_lifecycle_configuration as S3's members.
_RULE = {
    "abort_incomplete_multipart_upload": "AbortIncompleteMultipartUpload",
    "days": "Days",
    "days_after_initiation": "DaysAfterInitiation",
    "expiration": "Expiration",
    "filter": "Filter",
    "id": "ID",
    "prefix": "Prefix",
    "status": "Status",
}


def make_imports(folder: Path) -> list[dict[str, str]]:
    """Makes those queues and buckets whose arguments are known beforehand, and what belongs to them.

    Args:
        folder: of a synthesized stack.

    Returns:
        Terraform's import blocks.
    """
    stack = json.loads((folder / "cdk.tf.json").read_bytes())
    resources, known = stack["resource"], _references(stack["resource"])
    tags = stack["provider"]["aws"][0]["default_tags"][0]["tags"]
    found = [*_make_queues(resources, known, tags), *_make_buckets(resources, known, tags)]
    return [{"to": address, "id": id} for address, id in found]


def _references(resources: Mapping[str, Any]) -> dict[str, str]:
    """What arguments refer to, with its value."""
    identity, region = boto3.client("sts").get_caller_identity(), boto3.session.Session().region_name
    account, place = "data.aws_caller_identity.account.account_id", "data.aws_region.region.name"
    digest = hashlib.sha256(f"{identity['Account']}-{region}".encode()).hexdigest()
    return {
        f"${{{account}}}": identity["Account"],
        f"${{{place}}}": region,
        "${data.aws_partition.partition.partition}": "aws",
        f'${{substr(sha256(join("-", [{account}, {place}])), 0, 12)}}': digest[:12],
        **{
            f"${{aws_cloudwatch_event_rule.{name}.arn}}": (
                f"arn:aws:events:{region}:{identity['Account']}:rule/{rule['name']}"
            )
            for name, rule in resources.get("aws_cloudwatch_event_rule", {}).items()
        },
    }


def _make_queues(
    resources: Mapping[str, Any], known: dict[str, str], tags: Mapping[str, str]
) -> list[tuple[str, str]]:
    sqs, found = boto3.client("sqs"), []
    queues = resources.get("aws_sqs_queue", {})
    # A queue may refer to that of its dead letters.
    for name, queue in sorted(queues.items(), key=lambda item: "redrive_policy" in item[1]):
        arguments = _resolve(_arguments(queue), known)
        title = arguments.pop("name")
        if arguments.keys() <= _QUEUE.keys() and _is_known([title, arguments]):
            attributes = {_QUEUE[argument]: _text(value) for argument, value in arguments.items()}
            url = sqs.create_queue(QueueName=title, Attributes=_QUEUE_DEFAULTS | attributes, tags=tags)[
                "QueueUrl"
            ]
            arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
                "QueueArn"
            ]
            address = f"aws_sqs_queue.{name}"
            known |= {f"${{{address}.arn}}": arn, f"${{{address}.url}}": url}
            found.append((address, url))
    for name, policy in resources.get("aws_sqs_queue_policy", {}).items():
        arguments = _resolve(_arguments(policy), known)
        if _is_known(arguments):
            sqs.set_queue_attributes(
                QueueUrl=arguments["queue_url"], Attributes={"Policy": arguments["policy"]}
            )
            found.append((f"aws_sqs_queue_policy.{name}", arguments["queue_url"]))
    return found


def _make_buckets(
    resources: Mapping[str, Any], known: dict[str, str], tags: Mapping[str, str]
) -> list[tuple[str, str]]:
    s3, found = boto3.client("s3"), []
    for name, lifecycle in resources.get("aws_s3_bucket_lifecycle_configuration", {}).items():
        address = lifecycle["bucket"].removeprefix("${").removesuffix(".id}")
        bucket = _resolve(resources["aws_s3_bucket"][address.partition(".")[2]]["bucket"], known)
        if _is_known([bucket, lifecycle["rule"]]):
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_tagging(
                Bucket=bucket,
                Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]},
            )
            s3.put_bucket_lifecycle_configuration(
                Bucket=bucket,
                LifecycleConfiguration={"Rules": [_members(rule) for rule in lifecycle["rule"]]},
            )
            found += [(address, bucket), (f"aws_s3_bucket_lifecycle_configuration.{name}", bucket)]
    return found


def _members(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule, or a block of one, as S3 has it."""
    return {
        _RULE[argument]: _members(value[0]) if isinstance(value, list) else value
        for argument, value in rule.items()
    }


def _arguments(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {argument: value for argument, value in resource.items() if argument != "//"}


def _resolve(value: Any, known: Mapping[str, str]) -> Any:
    """A text, or a text in a resource, with the values of what it refers to."""
    if isinstance(value, dict):
        return {name: _resolve(member, known) for name, member in value.items()}
    if isinstance(value, str):
        for reference, text in known.items():
            value = value.replace(reference, text)
    return value


def _is_known(value: object) -> bool:
    """Whether it refers to nothing else."""
    return "${" not in json.dumps(value)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
