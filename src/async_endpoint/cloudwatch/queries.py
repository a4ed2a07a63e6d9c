"""The queries that give an alarm its datapoints: a statistic of one metric, or metric math.

An alarm knows only the `MetricQuery` protocol: a further kind of query is a new class here and one branch in
`query_from_members`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, Self

from async_endpoint.cloudwatch.alarm_rules import broken_query_rules
from async_endpoint.cloudwatch.errors import ValidationError
from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.cloudwatch.metric_math import Expression, Series
from async_endpoint.cloudwatch.metric_math_parser import parse
from async_endpoint.cloudwatch.metrics import STATISTICS, Datapoint, MetricStore


class MetricQuery(Protocol):
    """A series of datapoints that an alarm compares with its threshold."""

    @property
    def period(self) -> int:
        """Returns the seconds that one datapoint covers, a multiple of 60."""
        ...

    def datapoints(self, store: MetricStore, end: float, count: int, rules: EvaluationRules) -> tuple[Datapoint, ...]:
        """Returns the last `count` datapoints whose periods have ended at `end`, oldest first, as visible then.

        Missing ones are included; `rules` settle what CloudWatch's guide leaves open.
        """
        ...

    def describe(self) -> dict[str, object]:
        """Returns the query as members of DescribeAlarms."""
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
        """Returns the identity of the metric that is read."""
        return MetricKey(self.namespace, self.metric_name, frozenset(self.dimensions))

    @property
    def identity(self) -> tuple[object, ...]:
        """Returns what two queries of the same statistic of the same metric share."""
        return (self.key, self.statistic)

    def datapoints(self, store: MetricStore, end: float, count: int, rules: EvaluationRules) -> tuple[Datapoint, ...]:
        """See `MetricQuery.datapoints`."""
        del rules
        return store.window(self.key, self.statistic, self.period, end, count)

    def describe(self) -> dict[str, object]:
        """Returns the query as members of DescribeAlarms."""
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
    """Metric math: the one query of Metrics that returns data, and the queries that it refers to.

    `given` are the members of the request, for DescribeAlarms; `result` is the id of the query that returns data.
    """

    given: tuple[Mapping[str, Any], ...]
    result: str
    statistics: Mapping[str, StatisticQuery]
    expressions: Mapping[str, Expression]

    @classmethod
    def from_members(cls, given: Sequence[Mapping[str, Any]]) -> Self:
        """Builds a query from an alarm's Metrics, or those of a policy with the periods that its alarms have.

        Raises:
            ValidationError: An Id occurs twice or is unknown, an expression refers to itself, queries have different
                periods, not exactly one returns data, or the query needs what is not evaluated here.
        """
        if message := next(broken_query_rules(given), None):
            raise ValidationError(message)
        statistics: dict[str, StatisticQuery] = {}
        expressions: dict[str, Expression] = {}
        for query in given:
            name = query["Id"]
            if name in statistics or name in expressions:
                raise ValidationError(f"The Id '{name}' is in Metrics twice.")
            if "Expression" in query:
                expressions[name] = parse(query["Expression"])
            else:
                stat = query["MetricStat"]
                statistics[name] = _statistic_query(stat["Metric"], stat, stat["Stat"], f"The query '{name}':")
        (result,) = (query["Id"] for query in given if query.get("ReturnData", True))
        made = cls(tuple(given), result, statistics, expressions)
        made._check()
        return made

    @cached_property
    def period(self) -> int:
        """Returns the seconds that one datapoint covers: those of every query in it."""
        return next((query.period for query in self.statistics.values()), MINUTE)

    @property
    def identity(self) -> tuple[object, ...]:
        """Returns what two queries that are alike share: ids, metrics and expressions, in any order."""
        statistics = frozenset((name, query.identity) for name, query in self.statistics.items())
        return (self.result, statistics, frozenset((name, each.text) for name, each in self.expressions.items()))

    def datapoints(self, store: MetricStore, end: float, count: int, rules: EvaluationRules) -> tuple[Datapoint, ...]:
        """See `MetricQuery.datapoints`."""
        windows = {name: query.datapoints(store, end, count, rules) for name, query in self.statistics.items()}
        known: dict[str, Series] = {name: tuple(point.value for point in window) for name, window in windows.items()}
        values = self._values(self.result, known, count, rules)
        starts = [point.start for point in next(iter(windows.values()))]
        return tuple(Datapoint(start, value) for start, value in zip(starts, values, strict=True))

    def describe(self) -> dict[str, object]:
        """Returns the query as members of DescribeAlarms."""
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
            raise ValidationError("The metrics list must hold at least one metric beside its expressions.")
        if len({query.period for query in self.statistics.values()}) > 1:
            raise ValidationError("The metrics of the list have different periods, which is not evaluated here.")
        for name in self.expressions:
            self._check_references(name, ())
        if self.result in self.expressions and self.expressions[self.result].root.is_scalar:
            raise ValidationError(f"The expression of '{self.result}' is one number, and must be a time series.")

    def _check_references(self, name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValidationError(f"The expression of '{name}' refers to itself.")
        if name in self.expressions:
            for needed in sorted(self.expressions[name].names):
                self._check_references(needed, (*above, name))
        elif name not in self.statistics:
            raise ValidationError(f"The expression of '{above[-1]}' refers to '{name}', and no query has that Id.")


def query_from_members(members: Mapping[str, Any]) -> MetricQuery:
    """Returns the query that PutMetricAlarm's members name, which keep the rules of `alarm_rules`.

    Raises:
        ValidationError: The query needs what is not evaluated here.
    """
    if members.get("Metrics"):
        return MathQuery.from_members(members["Metrics"])
    return _statistic_query(members, members, members["Statistic"], "The alarm's")


def _statistic_query(
    metric: Mapping[str, Any], settings: Mapping[str, Any], statistic: str, whose: str
) -> StatisticQuery:
    """Returns the query of a metric and of the settings of its statistic, which are in one structure or in two."""
    period = settings["Period"]
    if period % MINUTE:
        raise ValidationError(
            f"{whose} Period of {period} seconds cannot be used: metrics here have one-minute resolution; "
            "take a multiple of 60."
        )
    if statistic not in STATISTICS:
        raise ValidationError(
            f"{whose} statistic {statistic} cannot be used: percentiles are not kept here: "
            f"take one of {', '.join(STATISTICS)}."
        )
    if not metric.get("Namespace") or not metric.get("MetricName"):
        raise ValidationError(f"{whose} Metric must have a Namespace and a MetricName.")
    return StatisticQuery(
        namespace=metric["Namespace"],
        metric_name=metric["MetricName"],
        dimensions=dimension_pairs(metric),
        statistic=statistic,
        period=period,
        unit=settings.get("Unit"),
    )


def dimension_pairs(metric: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Returns a metric's Dimensions as pairs of name and value, in their order.

    Raises:
        ValidationError: A name or a value is empty.
    """
    pairs = tuple((each["Name"], each["Value"]) for each in metric.get("Dimensions", ()))
    if not all(name and value for name, value in pairs):
        raise ValidationError("Each dimension must have a name and a value.")
    return pairs
