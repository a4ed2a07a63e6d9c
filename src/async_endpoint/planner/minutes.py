"""What a query of an alarm makes of single minutes, as visible at later moments, each computed once.

A query without FILL makes of a minute what follows from that minute's statistics alone. Most minutes repeat the
statistics of others, such as those of an idle endpoint, so results are kept by them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from async_endpoint.cloudwatch import MINUTE, Datapoint, MathQuery, MetricStore, StatisticQuery

if TYPE_CHECKING:
    from async_endpoint.cloudwatch import EvaluationRules, MetricKey, MetricQuery

_MOST_KEPT = 10_000
_Values = tuple[float | None, ...]


class MinuteValues:
    """The values of a query, of one minute each.

    Args:
        query: A query of one-minute periods without FILL.
        store: Where it reads. Data of a minute must not change once that minute has ended, or `forget` be called.
        rules: What CloudWatch's guide leaves open.
    """

    def __init__(self, query: MetricQuery, store: MetricStore, rules: EvaluationRules) -> None:
        self._query, self._store, self._rules = query, store, rules
        read = {(each.key, each.statistic): None for each in statistics_of(query)}
        self._read = tuple(read)
        self._minutes: dict[int, tuple[tuple[float, float | None], ...]] = {}  # each statistic's arrival and value
        self._results: dict[_Values, float | None] = {}

    def forget(self) -> None:
        """Forgets the data of all minutes."""
        self._minutes.clear()

    def value(self, minute: int, seen_at: float) -> float | None:
        """Returns the value of the minute that begins at `minute`, as visible at a moment; None without one."""
        values = tuple(value if arrival <= seen_at else None for arrival, value in self._of(minute))
        if values not in self._results:
            self._forget_if_full(self._results)
            self._results[values] = self._result(values)
        return self._results[values]

    def arrivals(self, minute: int) -> list[float]:
        """Returns when each datapoint of a minute arrives, of those that do."""
        return [arrival for arrival, _ in self._of(minute) if arrival < math.inf]

    def _of(self, minute: int) -> tuple[tuple[float, float | None], ...]:
        found = self._minutes.get(minute)
        if found is None:
            self._forget_if_full(self._minutes)
            found = self._minutes[minute] = tuple(self._store.arriving(*each, minute) for each in self._read)
        return found

    def _result(self, values: _Values) -> float | None:
        view = _OneMinute(dict(zip(self._read, values, strict=True)))
        return self._query.datapoints(view, MINUTE, 1, self._rules)[0].value

    @staticmethod
    def _forget_if_full(kept: dict[int, tuple[tuple[float, float | None], ...]] | dict[_Values, float | None]) -> None:
        if len(kept) >= _MOST_KEPT:
            kept.clear()


class _OneMinute(MetricStore):
    """A store of one minute, whose statistics are given."""

    def __init__(self, values: dict[tuple[MetricKey, str], float | None]) -> None:
        super().__init__()
        self._values = values

    def window(self, key: MetricKey, statistic: str, period: int, end: float, count: int) -> tuple[Datapoint, ...]:
        """See `MetricStore.window`."""
        del count
        return (Datapoint(int(end) - period, self._values[key, statistic]),)


def statistics_of(query: MetricQuery) -> list[StatisticQuery]:
    """Returns the statistics that a query reads."""
    match query:
        case StatisticQuery():
            return [query]
        case MathQuery():
            return list(query.statistics.values())
        case _:
            return []
