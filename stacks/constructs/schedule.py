"""What starts a function again and again."""

from cdktf_cdktf_provider_aws.scheduler_schedule import (
    SchedulerSchedule,
    SchedulerScheduleFlexibleTimeWindow,
    SchedulerScheduleTarget,
    SchedulerScheduleTargetRetryPolicy,
)
from constructs import Construct

from stacks.constructs.environment import Environment
from stacks.constructs.function import PythonFunction
from stacks.constructs.role import Role


class Schedule(Construct):
    """A schedule of EventBridge Scheduler that starts one function, without an event, every so many minutes.

    A start that Lambda does not take is tried again until the next one, and then given up: the next one makes good
    for it, so that a dead letter of it could only be thrown away.

    Args:
        name: without the environment's, which ends it, and that of the role.
    """

    def __init__(
        self, scope: Construct, id: str, *, name: str, role_name: str, function: PythonFunction, minutes: int
    ) -> None:
        super().__init__(scope, id)
        environment = Environment.of(self)
        schedule_name, account, key = f"{name}-{environment.name}", environment.account, environment.key
        role = Role(
            self,
            "role",
            name=f"{role_name}-{environment.name}{environment.region_suffix}",
            service="scheduler.amazonaws.com",
            # Else the schedules of other accounts could have it assumed (EventBridge Scheduler user guide, "Confused
            # deputy prevention").
            source_account=account,
        )
        role.allow(["lambda:InvokeFunction"], function.arn)
        if key:
            key.grant_schedule(role, schedule=schedule_name)
        SchedulerSchedule(
            self,
            "schedule",
            name=schedule_name,
            schedule_expression=f"rate({minutes} minutes)",
            # The same if left unset, but then AWS fills them in.
            schedule_expression_timezone="UTC",
            state="ENABLED",
            flexible_time_window=SchedulerScheduleFlexibleTimeWindow(mode="OFF"),
            kms_key_arn=key.arn if key else None,
            target=SchedulerScheduleTarget(
                arn=function.arn,
                role_arn=role.arn,
                retry_policy=SchedulerScheduleTargetRetryPolicy(
                    maximum_event_age_in_seconds=minutes * 60, maximum_retry_attempts=3
                ),
            ),
            depends_on=[role.policy],
        )
