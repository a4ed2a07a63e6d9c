"""Where an alarm's datapoints come from.

An alarm sees only the `MetricQuery` protocol: a further kind of query (metric math) is a new class here and one branch
in `query_from_properties`; neither the evaluation nor the autoscaler changes.
"""

from dataclasses import dataclass
from typing import Protocol

from async_endpoint.scaling import members
from async_endpoint.scaling.errors import ValidationException
from async_endpoint.scaling.members import Members
from async_endpoint.scaling.metrics import MINUTE, STATISTICS, Datapoint, MetricKey, MetricStore


class MetricQuery(Protocol):
    """A series of datapoints that an alarm compares with its threshold."""

    @property
    def period(self) -> int:
        """Return the seconds that one datapoint covers, a multiple of 60."""
        ...

    def datapoints(self, store: MetricStore, end: float, count: int) -> tuple[Datapoint, ...]:
        """Return the last `count` datapoints whose periods have ended at `end`, oldest first, missing ones included."""
        ...

    def describe(self) -> dict[str, object]:
        """Return the query as members of DescribeAlarms."""
        ...


@dataclass(frozen=True)
class StatisticQuery:
    """One statistic of one metric, as MetricName, Namespace, Dimensions, Statistic and Period name it.

    Unit is kept for DescribeAlarms but selects nothing: the store keeps no units.
    """

    namespace: str
    metric_name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period: int = MINUTE
    unit: str | None = None

    @property
    def key(self) -> MetricKey:
        """Return the identity of the metric that is read."""
        return MetricKey(self.namespace, self.metric_name, frozenset(self.dimensions))

    def datapoints(self, store: MetricStore, end: float, count: int) -> tuple[Datapoint, ...]:
        """Return the last `count` datapoints whose periods have ended at `end`, oldest first, missing ones included."""
        return store.window(self.key, self.statistic, self.period, end, count)

    def describe(self) -> dict[str, object]:
        """Return the query as members of DescribeAlarms."""
        described: dict[str, object] = {
            "MetricName": self.metric_name,
            "Namespace": self.namespace,
            "Statistic": self.statistic,
            "Dimensions": [{"Name": name, "Value": value} for name, value in self.dimensions],
            "Period": self.period,
        }
        return described | ({"Unit": self.unit} if self.unit else {})


def query_from_properties(properties: Members) -> MetricQuery:
    """Return the query that PutMetricAlarm's members, or AWS::CloudWatch::Alarm's properties, name.

    Raises:
        ValidationException: a member is missing or wrong, or asks for what is not evaluated here.
    """
    for refused, instead in (
        ("Metrics", "metric math is not evaluated here: name one metric by Namespace, MetricName and Statistic"),
        ("ExtendedStatistic", f"percentiles are not kept here: take one of {', '.join(STATISTICS)} as Statistic"),
        ("ThresholdMetricId", "anomaly detection bands are not evaluated here: give a Threshold"),
    ):
        if properties.get(refused):
            raise ValidationException(f"The alarm's {refused} cannot be used: {instead}.")
    period = members.whole(properties, "Period", least=1)
    if period % MINUTE:
        raise ValidationException(
            f"The alarm's Period of {period} seconds cannot be used: metrics here have one-minute resolution; "
            "take a multiple of 60."
        )
    return StatisticQuery(
        namespace=members.text(properties, "Namespace"),
        metric_name=members.text(properties, "MetricName"),
        dimensions=members.dimensions(properties),
        statistic=members.one_of(properties, "Statistic", STATISTICS),
        period=period,
        unit=members.optional_text(properties, "Unit"),
    )
