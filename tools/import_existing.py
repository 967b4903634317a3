"""Imports into the state what a killed deploy has made in AWS and could not write down.

Terraform saves the state every 20 seconds while it applies. What it makes after the last time is in AWS alone: the next
deploy would fail because most of it exists already, and make the rest (APIs, keys, validators) a second time.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import boto3
from botocore.exceptions import ClientError

from tools.failures import DeployError
from tools.stacks import Stacks

Planned = Mapping[str, Any]
"""The attributes of a resource that Terraform would create, as far as they are known."""

#: How the error codes end with which AWS says that something is not there.
MISSING = ("404", "NotFound", "NotFoundException", "NoSuchEntity", "NonExistentQueue")


class Lookup(NamedTuple):
    """How AWS is asked whether a resource is there, and what Terraform's import calls it."""

    service: str
    operation: str
    parameters: str
    """``Parameter=attribute`` of the resource, separated by spaces."""
    id: str
    """The format of the provider's documentation, over the resource's attributes and the fields of AWS's answer."""
    items: str = ""
    """The field of the answer that lists what is there; without it the answer is about the one resource."""
    match: str = ""
    """``Field=attribute`` of the item that is meant, separated by spaces; the field may be an ARN that ends with it."""


_API, _API_V2 = "restApiId=rest_api_id", "ApiId=api_id"
_METHOD = f"{_API} resourceId=resource_id httpMethod=http_method"

#: A row for each type of which AWS refuses, or makes, a second one; to make any other again changes nothing.
LOOKUPS = {
    "aws_iam_role": Lookup("iam", "get_role", "RoleName=name", "{name}"),
    "aws_cloudwatch_log_group": Lookup(
        "logs", "describe_log_groups", "logGroupNamePrefix=name", "{name}", "logGroups", "logGroupName=name"),
    "aws_dynamodb_table": Lookup("dynamodb", "describe_table", "TableName=name", "{name}"),
    "aws_s3_bucket": Lookup("s3", "head_bucket", "Bucket=bucket", "{bucket}"),
    "aws_ssm_parameter": Lookup("ssm", "get_parameter", "Name=name", "{name}"),
    "aws_sqs_queue": Lookup("sqs", "get_queue_url", "QueueName=name", "{QueueUrl}"),
    "aws_sns_topic": Lookup("sns", "list_topics", "", "{TopicArn}", "Topics", "TopicArn=name"),
    # A key has no name but its alias, which may be missing too; its description holds the environment's.
    "aws_kms_key": Lookup("kms", "list_keys", "", "{KeyId}", "Keys", "Description=description KeyState=ENABLED"),
    "aws_kms_alias": Lookup("kms", "list_aliases", "", "{name}", "Aliases", "AliasName=name"),
    "aws_lambda_function": Lookup("lambda", "get_function", "FunctionName=function_name", "{function_name}"),
    "aws_lambda_permission": Lookup(
        "lambda", "get_policy", "FunctionName=function_name", "{function_name}/{statement_id}",
        "Statement", "Sid=statement_id"),
    "aws_lambda_event_source_mapping": Lookup(
        "lambda", "list_event_source_mappings", "EventSourceArn=event_source_arn", "{UUID}",
        "EventSourceMappings", "FunctionArn=function_name"),
    "aws_scheduler_schedule": Lookup("scheduler", "get_schedule", "Name=name", "default/{name}"),
    "aws_wafv2_web_acl": Lookup(
        "wafv2", "list_web_acls", "Scope=scope", "{Id}/{name}/{scope}", "WebACLs", "Name=name"),
    "aws_api_gateway_rest_api": Lookup("apigateway", "get_rest_apis", "", "{id}", "items", "name=name"),
    "aws_api_gateway_resource": Lookup(
        "apigateway", "get_resources", _API, "{rest_api_id}/{id}", "items", "parentId=parent_id pathPart=path_part"),
    "aws_api_gateway_method": Lookup(
        "apigateway", "get_method", _METHOD, "{rest_api_id}/{resource_id}/{http_method}"),
    "aws_api_gateway_method_response": Lookup(
        "apigateway", "get_method_response", f"{_METHOD} statusCode=status_code",
        "{rest_api_id}/{resource_id}/{http_method}/{status_code}"),
    "aws_api_gateway_model": Lookup(
        "apigateway", "get_models", _API, "{rest_api_id}/{name}", "items", "name=name"),
    "aws_api_gateway_request_validator": Lookup(
        "apigateway", "get_request_validators", _API, "{rest_api_id}/{id}", "items", "name=name"),
    # What it was made of cannot be imported, so the next deploy replaces it.
    "aws_api_gateway_deployment": Lookup("apigateway", "get_deployments", _API, "{rest_api_id}/{id}", "items"),
    "aws_api_gateway_stage": Lookup(
        "apigateway", "get_stage", f"{_API} stageName=stage_name", "{rest_api_id}/{stage_name}"),
    "aws_apigatewayv2_api": Lookup("apigatewayv2", "get_apis", "", "{ApiId}", "Items", "Name=name"),
    "aws_apigatewayv2_authorizer": Lookup(
        "apigatewayv2", "get_authorizers", _API_V2, "{api_id}/{AuthorizerId}", "Items", "Name=name"),
    "aws_apigatewayv2_integration": Lookup(
        "apigatewayv2", "get_integrations", _API_V2, "{api_id}/{IntegrationId}", "Items",
        "IntegrationUri=integration_uri"),
    "aws_apigatewayv2_route": Lookup(
        "apigatewayv2", "get_routes", _API_V2, "{api_id}/{RouteId}", "Items", "RouteKey=route_key"),
    "aws_apigatewayv2_stage": Lookup("apigatewayv2", "get_stage", f"{_API_V2} StageName=name", "{api_id}/{name}"),
}  # fmt: skip


def import_existing(stacks: Stacks, stack: str) -> list[str]:
    """Imports what is there of all that a deploy of `stack` would create; tells their addresses.

    Raises:
        DeployError: Terraform or AWS refuses.
    """
    imported: list[str] = []
    try:
        # What belongs to something is found when that is known.
        while found := _existing(_planned(stacks, stack), stacks.region(stack)):
            for address, id in found.items():
                stacks.terraform(stack, "import", "-input=false", "-no-color", address, id, quiet=True)
            imported += found
    except DeployError as error:
        raise DeployError(
            f"What a killed deploy of {stack} made could not all be imported into the state; `make unlock` without "
            f"LOCK tries again. {error}"
        ) from error
    return imported


def _planned(stacks: Stacks, stack: str) -> dict[str, tuple[str, Planned]]:
    """The type and the attributes of every resource that is to be created, by its address."""
    file = stacks.folder(stack) / "import.tfplan"
    try:
        stacks.terraform(stack, "plan", "-input=false", "-no-color", f"-out={file.name}", quiet=True)
        _, shown = stacks.terraform(stack, "show", "-json", file.name, quiet=True)
    finally:
        file.unlink(missing_ok=True)
    return {
        change["address"]: (change["type"], change["change"]["after"])
        for change in json.loads(shown)["resource_changes"]
        if change["change"]["actions"] == ["create"]
    }


def _existing(planned: Mapping[str, tuple[str, Planned]], region: str) -> dict[str, str]:
    """The ids under which Terraform imports those that are in AWS, by their addresses."""
    found = {}
    for address, (kind, attributes) in planned.items():
        if not (lookup := LOOKUPS.get(kind)):
            continue
        try:
            id = _find(lookup, attributes, region)
        except KeyError:  # of what it belongs to nothing is known yet
            continue
        except ClientError as error:
            if not error.response["Error"]["Code"].endswith(MISSING):
                raise DeployError(f"AWS does not say whether {address} is there: {error}.") from error
            continue
        if id:
            found[address] = id
    return found


def _find(lookup: Lookup, attributes: Planned, region: str) -> str | None:
    """The id for Terraform's import. KeyError: an attribute is not known yet."""
    client = boto3.client(lookup.service, region_name=region)
    wanted = {**attributes, "ENABLED": "Enabled"}
    parameters = {name: wanted[attribute] for name, attribute in _pairs(lookup.parameters)}
    fields = [(field, str(wanted[attribute])) for field, attribute in _pairs(lookup.match)]
    if client.can_paginate(lookup.operation):
        answer = client.get_paginator(lookup.operation).paginate(**parameters).build_full_result()
    else:
        answer = getattr(client, lookup.operation)(**parameters)
    if not lookup.items:
        return lookup.id.format(**{**attributes, **answer})
    if lookup.operation == "get_policy":
        answer = json.loads(answer["Policy"])
    for item in reversed(answer[lookup.items]):
        if lookup.operation == "list_keys":
            item |= client.describe_key(KeyId=item["KeyId"])["KeyMetadata"]
        if all(f":{item.get(field)}".endswith(f":{value}") for field, value in fields):
            return lookup.id.format(**{**attributes, **item})
    return None


def _pairs(text: str) -> list[list[str]]:
    return [pair.split("=") for pair in text.split()]
