"""Takes into the state what a killed deploy has made in AWS and could not write down.

Terraform saves the state every 20 seconds while it applies. What it makes after the last time is in AWS alone: the next
deploy would fail because most of it exists already, and make the rest (APIs, keys, validators) a second time.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from tools.toolchain import ToolError

if TYPE_CHECKING:
    from tools.cdktf import Cdktf

Planned = Mapping[str, Any]
"""The attributes of a resource that Terraform would create, as far as they are known."""

#: What the plan of a stack says that looks up in AWS what another stack has not made yet.
NOT_LOOKED_UP = (
    r"reading (Dynamodb Table|SNS Topic|KMS Alias) \([^)]*\): (couldn't find resource|empty result)"
)
#: How the error codes end with which AWS says that something is not there.
MISSING = ("404", "NotFound", "NotFoundException", "NoSuchEntity", "NonExistentQueue")


def adopt(cdktf: "Cdktf", stack: str) -> list[str]:
    """Imports what is there of all that a deploy of `stack` would create; tells their addresses.

    Raises:
        ToolError: Terraform or AWS refuses.
    """
    manifest = json.loads((cdktf.folder(stack) / "cdk.tf.json").read_bytes())
    finder = Finder(manifest["provider"]["aws"][0]["region"])
    _terraform(cdktf, stack, "init", "-input=false", "-no-color")
    adopted: list[str] = []
    # What belongs to something is found when that is known.
    while found := _found(_planned(cdktf, stack), finder):
        for address, id in found.items():
            _terraform(cdktf, stack, "import", "-input=false", "-no-color", address, id)
        adopted += found
    return adopted


def _planned(cdktf: "Cdktf", stack: str) -> dict[str, tuple[str, Planned]]:
    """The type and the attributes of every resource that is to be created, by its address."""
    try:
        _terraform(cdktf, stack, "plan", "-input=false", "-no-color", "-out=adopt.tfplan")
    except ToolError as error:
        if re.search(NOT_LOOKED_UP, str(error)):
            return {}  # so no deploy of it has begun
        raise
    plan = json.loads(_terraform(cdktf, stack, "show", "-json", "adopt.tfplan"))
    (cdktf.folder(stack) / "adopt.tfplan").unlink()
    return {
        change["address"]: (change["type"], change["change"]["after"])
        for change in plan["resource_changes"]
        if change["change"]["actions"] == ["create"]
    }


def _found(planned: Mapping[str, tuple[str, Planned]], finder: "Finder") -> dict[str, str]:
    """The ids under which Terraform imports those that are in AWS, by their addresses."""
    found = {}
    for address, (kind, attributes) in planned.items():
        find: Callable[[Planned], str | None] | None = getattr(finder, kind.removeprefix("aws_"), None)
        if find is None:  # making it again changes nothing
            continue
        try:
            id = find(attributes)
        except KeyError:  # of what it belongs to nothing is known yet
            continue
        except ClientError as error:
            if not error.response["Error"]["Code"].endswith(MISSING):
                raise ToolError(f"AWS does not say whether {address} is there: {error}.") from error
            continue
        if id:
            found[address] = id
    return found


def _terraform(cdktf: "Cdktf", stack: str, *arguments: str) -> str:
    status, said = cdktf.terraform(stack, *arguments)
    if status:
        raise ToolError(
            f"What a killed deploy of {stack} made could not all be taken into the state; `make unlock` without "
            f"LOCK tries again. `terraform {' '.join(arguments)}` said: {said.strip()[-500:]}"
        )
    return said


class Finder:
    """A method for each type of which AWS refuses, or makes, a second one: the id for Terraform's import, or None.

    The formats of the ids are those of the provider's documentation. KeyError: an attribute is not known yet.
    """

    def __init__(self, region: str) -> None:
        self._region = region

    def _items(self, service: str, operation: str, items: str, **parameters: Any) -> list[dict[str, Any]]:
        client = boto3.client(service, region_name=self._region)
        if not client.can_paginate(operation):
            return list(getattr(client, operation)(**parameters)[items])
        pages = client.get_paginator(operation).paginate(**parameters)
        return [item for page in pages for item in page[items]]

    def _ask(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(boto3.client(service, region_name=self._region), operation)(
            **parameters
        )
        return answer

    def iam_role(self, planned: Planned) -> str:
        name = str(planned["name"])
        self._ask("iam", "get_role", RoleName=name)
        return name

    def cloudwatch_log_group(self, planned: Planned) -> str | None:
        name = planned["name"]
        groups = self._items("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        return name if name in [group["logGroupName"] for group in groups] else None

    def dynamodb_table(self, planned: Planned) -> str:
        name = str(planned["name"])
        self._ask("dynamodb", "describe_table", TableName=name)
        return name

    def s3_bucket(self, planned: Planned) -> str:
        name = str(planned["bucket"])
        self._ask("s3", "head_bucket", Bucket=name)
        return name

    def ssm_parameter(self, planned: Planned) -> str:
        name = str(planned["name"])
        self._ask("ssm", "get_parameter", Name=name)
        return name

    def sqs_queue(self, planned: Planned) -> str:
        return str(self._ask("sqs", "get_queue_url", QueueName=planned["name"])["QueueUrl"])

    def sns_topic(self, planned: Planned) -> str | None:
        arns = [topic["TopicArn"] for topic in self._items("sns", "list_topics", "Topics")]
        return next((arn for arn in arns if arn.endswith(f":{planned['name']}")), None)

    def kms_key(self, planned: Planned) -> str | None:
        # A key has no name but its alias, which may be missing too; its description holds the environment's.
        for item in self._items("kms", "list_keys", "Keys"):
            key = self._ask("kms", "describe_key", KeyId=item["KeyId"])["KeyMetadata"]
            if key["Description"] == planned["description"] and key["KeyState"] == "Enabled":
                return str(key["KeyId"])
        return None

    def kms_alias(self, planned: Planned) -> str | None:
        names = [alias["AliasName"] for alias in self._items("kms", "list_aliases", "Aliases")]
        return planned["name"] if planned["name"] in names else None

    def lambda_function(self, planned: Planned) -> str:
        name = str(planned["function_name"])
        self._ask("lambda", "get_function", FunctionName=name)
        return name

    def lambda_permission(self, planned: Planned) -> str | None:
        function, statement = planned["function_name"], planned["statement_id"]
        policy = json.loads(self._ask("lambda", "get_policy", FunctionName=function)["Policy"])
        return f"{function}/{statement}" if statement in [one["Sid"] for one in policy["Statement"]] else None

    def lambda_event_source_mapping(self, planned: Planned) -> str | None:
        mappings = self._items(
            "lambda",
            "list_event_source_mappings",
            "EventSourceMappings",
            EventSourceArn=planned["event_source_arn"],
        )
        name = planned["function_name"].rpartition(":")[2]
        return next((one["UUID"] for one in mappings if one["FunctionArn"].endswith(f":{name}")), None)

    def wafv2_web_acl(self, planned: Planned) -> str | None:
        acls = self._ask("wafv2", "list_web_acls", Scope=planned["scope"])["WebACLs"]
        id = _id(acls, "Id", Name=planned["name"])
        return id and f"{id}/{planned['name']}/{planned['scope']}"

    def api_gateway_rest_api(self, planned: Planned) -> str | None:
        return _id(self._items("apigateway", "get_rest_apis", "items"), "id", name=planned["name"])

    def api_gateway_resource(self, planned: Planned) -> str | None:
        place = {"parentId": planned["parent_id"], "pathPart": planned["path_part"]}
        return self._part(planned, _id(self._of_api(planned, "resources"), "id", **place))

    def api_gateway_method(self, planned: Planned) -> str | None:
        resource, method = planned["resource_id"], planned["http_method"]
        api = planned["rest_api_id"]
        self._ask("apigateway", "get_method", restApiId=api, resourceId=resource, httpMethod=method)
        return f"{api}/{resource}/{method}"

    def api_gateway_method_response(self, planned: Planned) -> str:
        names = {"restApiId": "rest_api_id", "resourceId": "resource_id", "httpMethod": "http_method"}
        names |= {"statusCode": "status_code"}
        place = {name: planned[attribute] for name, attribute in names.items()}
        self._ask("apigateway", "get_method_response", **place)
        return "/".join(place.values())

    def api_gateway_model(self, planned: Planned) -> str | None:
        models = self._of_api(planned, "models")
        return self._part(planned, planned["name"] if _id(models, "id", name=planned["name"]) else None)

    def api_gateway_request_validator(self, planned: Planned) -> str | None:
        return self._part(
            planned, _id(self._of_api(planned, "request_validators"), "id", name=planned["name"])
        )

    def api_gateway_deployment(self, planned: Planned) -> str | None:
        # What it was made of cannot be imported, so the next deploy replaces it.
        deployments = self._of_api(planned, "deployments")
        return self._part(planned, deployments[-1]["id"] if deployments else None)

    def api_gateway_stage(self, planned: Planned) -> str:
        api, name = planned["rest_api_id"], planned["stage_name"]
        self._ask("apigateway", "get_stage", restApiId=api, stageName=name)
        return f"{api}/{name}"

    def apigatewayv2_api(self, planned: Planned) -> str | None:
        return _id(self._items("apigatewayv2", "get_apis", "Items"), "ApiId", Name=planned["name"])

    def apigatewayv2_integration(self, planned: Planned) -> str | None:
        api = planned["api_id"]
        found = self._items("apigatewayv2", "get_integrations", "Items", ApiId=api)
        id = _id(found, "IntegrationId", IntegrationUri=planned["integration_uri"])
        return id and f"{api}/{id}"

    def apigatewayv2_route(self, planned: Planned) -> str | None:
        api = planned["api_id"]
        found = self._items("apigatewayv2", "get_routes", "Items", ApiId=api)
        id = _id(found, "RouteId", RouteKey=planned["route_key"])
        return id and f"{api}/{id}"

    def apigatewayv2_stage(self, planned: Planned) -> str:
        api, name = planned["api_id"], planned["name"]
        self._ask("apigatewayv2", "get_stage", ApiId=api, StageName=name)
        return f"{api}/{name}"

    def _of_api(self, planned: Planned, what: str) -> list[dict[str, Any]]:
        return self._items("apigateway", f"get_{what}", "items", restApiId=planned["rest_api_id"])

    def _part(self, planned: Planned, id: str | None) -> str | None:
        return id and f"{planned['rest_api_id']}/{id}"


def _id(items: list[dict[str, Any]], key: str, **attributes: str) -> str | None:
    """Of the one item with these attributes."""
    return next((str(item[key]) for item in items if attributes.items() <= item.items()), None)
