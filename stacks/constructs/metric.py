"""Metrics of CloudWatch, for alarms and dashboards."""

from collections.abc import Mapping
from typing import NamedTuple


class Metric(NamedTuple):
    """A metric as its source emits it.

    `statistic` is one of CloudWatch's: Sum, Average, Maximum, or a percentile such as p99.
    """

    namespace: str
    name: str
    statistic: str
    dimensions: Mapping[str, str]


class Math(NamedTuple):
    """An expression of CloudWatch's metric math.

    `metrics` maps the ids in the expression, which begin with a small letter, to what they stand for.
    """

    expression: str
    metrics: Mapping[str, Metric]


def total(*metrics: Metric) -> Math:
    """The sum of metrics that are silent while there is nothing to count.

    Alarms on DynamoDB's metrics keep their state while data is missing, whatever they are told to do with it
    (CloudWatch API reference, PutMetricAlarm), so that without zeros in the gaps they would never be over.
    """
    ids = {f"m{index}": metric for index, metric in enumerate(metrics)}
    return Math(" + ".join(f"FILL({id}, 0)" for id in ids), ids)


def unanswered(question: Metric, answer: Metric) -> Math:
    """1 in a period with some of `question` and nothing of `answer`, otherwise 0."""
    return Math(
        "IF(FILL(question, 0) > 0 AND FILL(answer, 0) == 0, 1, 0)", {"question": question, "answer": answer}
    )


def silent(metric: Metric) -> Math:
    """1 in a period with nothing of a metric, otherwise 0."""
    return Math("IF(FILL(m, 0) > 0, 0, 1)", {"m": metric})


def percentage(part: Metric, whole: Metric, *, at_least: int = 1) -> Math:
    """How much of `whole` is `part`, in per cent; 0 where `whole` is less than `at_least`."""
    ids = {f"m_{metric.name}": metric for metric in (part, whole)}
    parts, wholes = ids
    return Math(f"IF({wholes} >= {at_least}, 100 * {parts} / {wholes}, 0)", ids)
