"""The firewall in front of a REST API's stage."""

from typing import Any

from cdktf_cdktf_provider_aws.wafv2_web_acl import (
    Wafv2WebAcl,
    Wafv2WebAclDefaultAction,
    Wafv2WebAclDefaultActionAllow,
    Wafv2WebAclRule,
    Wafv2WebAclRuleAction,
    Wafv2WebAclRuleActionBlock,
    Wafv2WebAclRuleOverrideAction,
    Wafv2WebAclRuleOverrideActionNone,
    Wafv2WebAclRuleVisibilityConfig,
    Wafv2WebAclVisibilityConfig,
)
from cdktf_cdktf_provider_aws.wafv2_web_acl_association import Wafv2WebAclAssociation
from cdktf_cdktf_provider_aws.wafv2_web_acl_logging_configuration import (
    Wafv2WebAclLoggingConfiguration,
    Wafv2WebAclLoggingConfigurationLoggingFilter,
    Wafv2WebAclLoggingConfigurationLoggingFilterFilter,
    Wafv2WebAclLoggingConfigurationLoggingFilterFilterCondition,
    Wafv2WebAclLoggingConfigurationLoggingFilterFilterConditionActionCondition,
    Wafv2WebAclLoggingConfigurationRedactedFields,
    Wafv2WebAclLoggingConfigurationRedactedFieldsQueryString,
    Wafv2WebAclLoggingConfigurationRedactedFieldsSingleHeader,
)
from constructs import Construct

from stacks.constructs.environment import Environment

#: AWS's managed rule groups, in the order in which they look at a request, each with its rules that only count
#: (WAF developer guide, "AWS Managed Rules rule groups list"); of the 1,500 capacity units that the basic price
#: includes they take 925. AnonymousIpList is not here: it refuses hosting
#: providers, which is where the callers' programs run.
RULE_GROUPS: dict[str, list[str]] = {
    "AWSManagedRulesAmazonIpReputationList": [],
    "AWSManagedRulesKnownBadInputsRuleSet": [],
    "AWSManagedRulesCommonRuleSet": [
        # An update may have 400 KB, and this rule refuses 8; API Gateway and the function mind the size.
        "SizeRestrictions_BODY",
        # Metadata may hold any text, such as a URL or markup of the sender's; it is stored and given back as JSON.
        "CrossSiteScripting_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        # A scanner need not say what it is: its signature does.
        "NoUserAgent_HEADER",
    ],
}
RATE_WINDOW_SECONDS = 300


class WebAcl(Construct):
    """Refuses known attacks, and an address that takes half of what the stage serves; logs what it refuses.

    Args:
        name: of the ACL, which the environment's ends; its metrics and its log group are named after it too.
        stage_arn: of the stage that it guards.
        rate_limit: requests a second that the stage serves to all callers together.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, stage_arn: str, rate_limit: int) -> None:
        super().__init__(scope, id)
        environment = Environment.of(self)
        name = f"{name}-{environment.name}"
        rate = {
            "limit": rate_limit * RATE_WINDOW_SECONDS // 2,
            "evaluation_window_sec": RATE_WINDOW_SECONDS,
            "aggregate_key_type": "IP",
        }
        acl = Wafv2WebAcl(
            self,
            "acl",
            name=name,
            scope="REGIONAL",
            default_action=Wafv2WebAclDefaultAction(allow=Wafv2WebAclDefaultActionAllow()),
            visibility_config=Wafv2WebAclVisibilityConfig(**_metrics(name)),
            rule=[
                Wafv2WebAclRule(
                    name="rate",
                    priority=0,
                    action=Wafv2WebAclRuleAction(block=Wafv2WebAclRuleActionBlock()),
                    statement={"rate_based_statement": rate},
                    visibility_config=Wafv2WebAclRuleVisibilityConfig(**_metrics(f"{name}-rate")),
                ),
                *(
                    Wafv2WebAclRule(
                        name=group,
                        priority=priority,
                        override_action=Wafv2WebAclRuleOverrideAction(
                            none=Wafv2WebAclRuleOverrideActionNone()
                        ),
                        statement={"managed_rule_group_statement": _rule_group(group, counted)},
                        visibility_config=Wafv2WebAclRuleVisibilityConfig(**_metrics(f"{name}-{group}")),
                    )
                    for priority, (group, counted) in enumerate(RULE_GROUPS.items(), start=1)
                ),
            ],
        )
        Wafv2WebAclAssociation(self, "association", resource_arn=stage_arn, web_acl_arn=acl.arn)
        log = environment.log_group(
            self,
            "log",
            # WAF takes no other prefix, and has the group written into the one policy of a region, which takes 5,120
            # characters: about 25 groups. Environments with a web ACL are few.
            name=f"aws-waf-logs-{name}",
        )
        Wafv2WebAclLoggingConfiguration(
            self,
            "logging",
            resource_arn=acl.arn,
            log_destination_configs=[log.arn],
            logging_filter=Wafv2WebAclLoggingConfigurationLoggingFilter(
                default_behavior="DROP",
                filter=[
                    Wafv2WebAclLoggingConfigurationLoggingFilterFilter(
                        behavior="KEEP",
                        requirement="MEETS_ANY",
                        condition=[
                            Wafv2WebAclLoggingConfigurationLoggingFilterFilterCondition(
                                action_condition=(
                                    Wafv2WebAclLoggingConfigurationLoggingFilterFilterConditionActionCondition(
                                        action="BLOCK"
                                    )
                                )
                            )
                        ],
                    )
                ],
            ),
            # A body is never logged. The query names shipments; the headers are the caller's credentials.
            redacted_fields=[
                Wafv2WebAclLoggingConfigurationRedactedFields(
                    query_string=Wafv2WebAclLoggingConfigurationRedactedFieldsQueryString()
                ),
                *(
                    Wafv2WebAclLoggingConfigurationRedactedFields(
                        single_header=Wafv2WebAclLoggingConfigurationRedactedFieldsSingleHeader(name=header)
                    )
                    for header in ("authorization", "x-amz-security-token")
                ),
            ],
        )


def _metrics(name: str) -> dict[str, Any]:
    # Samples would show what the log leaves out.
    return {"cloudwatch_metrics_enabled": True, "metric_name": name, "sampled_requests_enabled": False}


def _rule_group(name: str, counted: list[str]) -> dict[str, Any]:
    overrides = [{"name": rule, "action_to_use": {"count": {}}} for rule in counted]
    return {"vendor_name": "AWS", "name": name} | ({"rule_action_override": overrides} if overrides else {})
