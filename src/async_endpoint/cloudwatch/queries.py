"""Where an alarm's datapoints come from, and those of target tracking, which makes alarms of its own.

An alarm sees only the `MetricQuery` protocol: a further kind of query is a new class here and one branch in
`query_from_properties`; neither the evaluation nor the autoscaler changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

from async_endpoint.cloudwatch import members
from async_endpoint.cloudwatch.errors import ValidationException
from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules
from async_endpoint.cloudwatch.members import Members
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.cloudwatch.metric_math import Expression, Series
from async_endpoint.cloudwatch.metric_math_parser import parse
from async_endpoint.cloudwatch.metrics import STATISTICS, Datapoint, MetricStore


class MetricQuery(Protocol):
    """A series of datapoints that an alarm compares with its threshold."""

    @property
    def period(self) -> int:
        """Return the seconds that one datapoint covers, a multiple of 60."""
        ...

    def datapoints(self, store: MetricStore, end: float, count: int, rules: EvaluationRules) -> tuple[Datapoint, ...]:
        """Return the last `count` datapoints whose periods have ended at `end`, oldest first, as they are seen then.

        Missing ones are included; `rules` settle what CloudWatch's guide leaves open.
        """
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

    @property
    def identity(self) -> tuple[object, ...]:
        """Return what two queries of the same statistic of the same metric share."""
        return (self.key, self.statistic)

    def datapoints(self, store: MetricStore, end: float, count: int, rules: EvaluationRules) -> tuple[Datapoint, ...]:
        """As `MetricQuery.datapoints`."""
        del rules
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


@dataclass(frozen=True)
class MathQuery:
    """Metric math: the one query of an alarm's or a policy's Metrics that returns data, and those that it refers to.

    `given` are the members as they came, for DescribeAlarms; `result` is the id of the query that returns data.
    """

    given: tuple[Members, ...]
    result: str
    statistics: Mapping[str, StatisticQuery]
    expressions: Mapping[str, Expression]

    @classmethod
    def from_members(cls, given: tuple[Members, ...]) -> Self:
        """Read an alarm's Metrics, or those of a policy with the periods that its alarms have.

        Raises:
            ValidationException: An id is missing, doubled or unknown, an expression refers to itself or stands beside
                a MetricStat, queries have different periods, or not exactly one returns data.
        """
        statistics: dict[str, StatisticQuery] = {}
        expressions: dict[str, Expression] = {}
        returning = []
        for query in given:
            name = members.text(query, "Id")
            if name in statistics or name in expressions:
                raise ValidationException(f"The Id '{name}' stands in Metrics twice.")
            expression = members.optional_text(query, "Expression")
            if expression is None:
                statistics[name] = _statistic_of(query, name)
            elif query.get("MetricStat"):
                raise ValidationException(
                    f"The query '{name}' has both an Expression and a MetricStat: give one of the two."
                )
            else:
                expressions[name] = parse(expression)
            if members.flag(query, "ReturnData", default=True):
                returning.append(name)
        if len(returning) != 1:
            raise ValidationException("Exactly one element of the metrics list should return data.")
        made = cls(given, returning[0], statistics, expressions)
        made._check()
        return made

    @cached_property
    def period(self) -> int:
        """Return the seconds that one datapoint covers: those of every query in it."""
        return next((query.period for query in self.statistics.values()), MINUTE)

    @property
    def identity(self) -> tuple[object, ...]:
        """Return what two queries that are alike share: ids, metrics and expressions, but not the order of them."""
        statistics = frozenset((name, query.identity) for name, query in self.statistics.items())
        return (self.result, statistics, frozenset((name, each.text) for name, each in self.expressions.items()))

    def datapoints(self, store: MetricStore, end: float, count: int, rules: EvaluationRules) -> tuple[Datapoint, ...]:
        """As `MetricQuery.datapoints`."""
        windows = {name: query.datapoints(store, end, count, rules) for name, query in self.statistics.items()}
        known: dict[str, Series] = {name: tuple(point.value for point in window) for name, window in windows.items()}
        values = self._values(self.result, known, count, rules)
        starts = [point.start for point in next(iter(windows.values()))]
        return tuple(Datapoint(start, value) for start, value in zip(starts, values, strict=True))

    def describe(self) -> dict[str, object]:
        """Return the query as members of DescribeAlarms."""
        return {"Metrics": [dict(query) for query in self.given]}

    def _values(self, name: str, known: dict[str, Series], count: int, rules: EvaluationRules) -> Series:
        if name not in known:
            expression = self.expressions[name]
            for needed in expression.names:
                self._values(needed, known, count, rules)
            known[name] = expression.values(known, count, rules)
        return known[name]

    def _check(self) -> None:
        if not self.statistics:
            raise ValidationException("The metrics list must hold at least one metric beside its expressions.")
        if len({query.period for query in self.statistics.values()}) > 1:
            raise ValidationException("The metrics of the list have different periods, which is not evaluated here.")
        for name in self.expressions:
            self._check_references(name, ())
        if self.result in self.expressions and self.expressions[self.result].root.is_scalar:
            raise ValidationException(f"The expression of '{self.result}' is one number, and must be a time series.")

    def _check_references(self, name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValidationException(f"The expression of '{name}' refers to itself.")
        if name in self.expressions:
            for needed in sorted(self.expressions[name].names):
                self._check_references(needed, (*above, name))
        elif name not in self.statistics:
            raise ValidationException(f"The expression of '{above[-1]}' refers to '{name}', and no query has that Id.")


def query_from_properties(properties: Members) -> MetricQuery:
    """Return the query that PutMetricAlarm's members, or AWS::CloudWatch::Alarm's properties, name.

    Raises:
        ValidationException: a member is missing or wrong, or asks for what is not evaluated here.
    """
    for refused, instead in (
        ("ExtendedStatistic", f"percentiles are not kept here: take one of {', '.join(STATISTICS)} as Statistic"),
        ("ThresholdMetricId", "anomaly detection bands are not evaluated here: give a Threshold"),
    ):
        if properties.get(refused):
            raise ValidationException(f"The alarm's {refused} cannot be used: {instead}.")
    queries = members.structures(properties, "Metrics")
    if not queries:
        return _statistic_query(properties, properties, "Statistic", "The alarm's")
    if properties.get("MetricName"):
        raise ValidationException("MetricName and Metrics cannot stand in one alarm: give one of the two.")
    return MathQuery.from_members(queries)


def _statistic_of(query: Members, name: str) -> StatisticQuery:
    stat = members.optional_structure(query, "MetricStat")
    metric = None if stat is None else members.optional_structure(stat, "Metric")
    if stat is None or metric is None:
        raise ValidationException(f"The query '{name}' has neither an Expression nor a MetricStat with its Metric.")
    return _statistic_query(metric, stat, "Stat", f"The query '{name}':")


def _statistic_query(metric: Members, reading: Members, statistic: str, whose: str) -> StatisticQuery:
    """The query of a metric and of how it is read, which stand in one structure or in two."""
    period = members.whole(reading, "Period", least=1)
    if period % MINUTE:
        raise ValidationException(
            f"{whose} Period of {period} seconds cannot be used: metrics here have one-minute resolution; "
            "take a multiple of 60."
        )
    return StatisticQuery(
        namespace=members.text(metric, "Namespace"),
        metric_name=members.text(metric, "MetricName"),
        dimensions=members.dimensions(metric),
        statistic=members.one_of(reading, statistic, STATISTICS),
        period=period,
        unit=members.optional_text(reading, "Unit"),
    )
