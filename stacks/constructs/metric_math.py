"""Queries for alarms on metric math.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from collections.abc import Mapping
from typing import NamedTuple

from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.constructs.endpoint_metrics import MINUTE


class MinuteMetric(NamedTuple):
    """One statistic of a metric, in periods of a minute."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str


def metric_queries(
    label: str, expression: str, metrics: Mapping[str, MinuteMetric]
) -> list[cloudwatch.CfnAlarm.MetricDataQueryProperty]:
    """Returns an alarm's queries: the expression, whose values the alarm compares, and its metrics by their ids."""
    query = cloudwatch.CfnAlarm.MetricDataQueryProperty
    return [
        query(id="result", expression=expression, label=label, return_data=True),
        *(query(id=query_id, metric_stat=_stat(metric), return_data=False) for query_id, metric in metrics.items()),
    ]


def alarm_dimensions(values: Mapping[str, str]) -> list[cloudwatch.CfnAlarm.DimensionProperty]:
    """Returns dimensions (name → value) as a property of an alarm."""
    return [cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in values.items()]


def _stat(metric: MinuteMetric) -> cloudwatch.CfnAlarm.MetricStatProperty:
    alarm = cloudwatch.CfnAlarm
    return alarm.MetricStatProperty(
        metric=alarm.MetricProperty(
            namespace=metric.namespace, metric_name=metric.name, dimensions=alarm_dimensions(metric.dimensions)
        ),
        period=MINUTE,
        stat=metric.statistic,
    )
