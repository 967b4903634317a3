"""CloudWatch alarms, from the rows of a table."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from cdktf_cdktf_provider_aws.cloudwatch_composite_alarm import CloudwatchCompositeAlarm
from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import (
    CloudwatchMetricAlarm,
    CloudwatchMetricAlarmMetricQuery,
    CloudwatchMetricAlarmMetricQueryMetric,
)
from constructs import Construct

from stacks.constructs.metric import Math, Metric
from stacks.constructs.references import TopicReference
from stacks.constructs.topic import AlarmTopic
from stacks.settings import Settings

#: Where the entry for each alarm stands, under its name.
RUNBOOK = "docs/runbook.md"


class Alarm(NamedTuple):
    """Goes off when the metric is above the threshold in each of the periods.

    `name` is without the environment; the setting `alarms` overrides `threshold` by it. `missing` is what a
    period without data stands for: "notBreaching" for a count, since where nothing happens nothing fails, and
    "ignore" for a time, since silence says neither that it is still slow nor that it is fast again; "breaching" for
    what has to happen all the time.
    """

    name: str
    metric: Metric | Math
    threshold: float
    periods: int
    period_seconds: int
    meaning: str
    missing: Literal["notBreaching", "ignore", "breaching"] = "notBreaching"


class CompositeAlarm(NamedTuple):
    """Goes off when all its alarms do, which tell nobody themselves."""

    name: str
    meaning: str
    alarms: Sequence[Alarm]


class Alarms(Construct):
    """One alarm a row; each tells `topic` when it goes off and when it is over.

    The emulator has no composite alarms: of a composite one it gets the two alarms alone.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        topic: AlarmTopic | TopicReference,
        rows: Sequence[Alarm | CompositeAlarm],
    ) -> None:
        super().__init__(scope, id)
        self._settings = settings
        #: ARNs of those that tell somebody.
        self.arns: list[str] = []
        #: Of those that have a threshold, without the environment.
        self.names: list[str] = []
        for row in rows:
            if isinstance(row, Alarm):
                self.arns.append(self._alarm(row, row.name, [topic.arn]).arn)
                continue
            parts = [self._alarm(alarm, row.name, None) for alarm in row.alarms]
            if not settings.emulated:
                composite = CloudwatchCompositeAlarm(
                    self,
                    row.name,
                    alarm_name=self._named(row.name),
                    alarm_description=self._described(row.meaning, row.name),
                    alarm_rule=" AND ".join(f'ALARM("{part.alarm_name}")' for part in parts),
                    alarm_actions=[topic.arn],
                    ok_actions=[topic.arn],
                )
                self.arns.append(composite.arn)

    def _alarm(self, row: Alarm, entry: str, actions: list[str] | None) -> CloudwatchMetricAlarm:
        self.names.append(row.name)
        alarm = CloudwatchMetricAlarm(
            self,
            row.name,
            alarm_name=self._named(row.name),
            alarm_description=self._described(row.meaning, entry),
            comparison_operator="GreaterThanThreshold",
            threshold=self._settings.alarms.get(row.name, row.threshold),
            evaluation_periods=row.periods,
            treat_missing_data=row.missing,
            alarm_actions=actions,
            ok_actions=actions,
        )
        if isinstance(row.metric, Math):
            alarm.put_metric_query(_queries(row.metric, row.period_seconds))
            return alarm
        alarm.namespace = row.metric.namespace
        alarm.metric_name = row.metric.name
        alarm.dimensions = dict(row.metric.dimensions)
        alarm.period = row.period_seconds
        if row.metric.statistic.startswith("p"):
            alarm.extended_statistic = row.metric.statistic
        else:
            alarm.statistic = row.metric.statistic
        return alarm

    def _named(self, name: str) -> str:
        return f"{name}-{self._settings.environment}"

    def _described(self, meaning: str, entry: str) -> str:
        repository = self._settings.tags["Repository"]
        # GitHub and GitLab show the file of the default branch under this path.
        base = f"{repository.removesuffix('.git')}/blob/HEAD/" if repository.startswith("https://") else ""
        return f"{meaning} What to do: {base}{RUNBOOK}#{entry}"


def _queries(math: Math, period_seconds: int) -> list[CloudwatchMetricAlarmMetricQuery]:
    inputs = [
        CloudwatchMetricAlarmMetricQuery(
            id=id,
            return_data=False,
            metric=CloudwatchMetricAlarmMetricQueryMetric(
                namespace=metric.namespace,
                metric_name=metric.name,
                stat=metric.statistic,
                period=period_seconds,
                dimensions=dict(metric.dimensions),
            ),
        )
        for id, metric in math.metrics.items()
    ]
    return [
        CloudwatchMetricAlarmMetricQuery(id="result", expression=math.expression, return_data=True),
        *inputs,
    ]
