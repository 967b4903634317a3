"""The bucket of the Terraform states: made before there is a stack, and freed of the states of destroyed ones."""

import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stacks.settings import Settings
from tools.failures import DeployError, explain


def create_state_bucket(settings: Settings) -> None:
    """Makes the empty bucket that the state stack imports, unless this account has it.

    Raises:
        DeployError: the name is taken by another account, or AWS refuses.
    """
    place = {"LocationConstraint": settings.region}
    try:
        s3 = boto3.client("s3", region_name=settings.region)
        if settings.region == "us-east-1":  # which is no location constraint
            s3.create_bucket(Bucket=settings.state.bucket)
        else:
            s3.create_bucket(Bucket=settings.state.bucket, CreateBucketConfiguration=place)
    except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: of an endpoint that is no URL
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
        if code == "BucketAlreadyExists":
            raise DeployError(
                f"The bucket name {settings.state.bucket!r} is taken by another account; choose another "
                f"for state.bucket in cdktf.json, context.defaults."
            ) from error
        if code != "BucketAlreadyOwnedByYou":
            raise DeployError(explain(str(error)) or f"The state bucket cannot be made: {error}.") from error


def delete_empty_state(configuration: dict[str, Any], name: str) -> None:
    """Deletes the state that a destroyed stack leaves in the bucket, unless it still holds something.

    Args:
        configuration: the Terraform JSON of the stack.
        name: of the stack.

    Raises:
        DeployError: AWS refuses.
    """
    if not (backend := configuration["terraform"].get("backend", {}).get("s3")):
        return
    style = Config(s3={"addressing_style": "path" if backend.get("use_path_style") else "auto"})
    s3 = boto3.client("s3", region_name=backend["region"], config=style)
    place = {"Bucket": backend["bucket"], "Key": backend["key"]}
    try:
        if not json.load(s3.get_object(**place)["Body"])["resources"]:
            s3.delete_object(**place)
    except s3.exceptions.NoSuchKey:
        return
    except (BotoCoreError, ClientError) as error:
        raise DeployError(f"{name} is destroyed, but its empty state is still there: {error}.") from error
