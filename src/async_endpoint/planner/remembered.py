"""Queries of alarms that compute a datapoint when something of it arrives, and remember it after that.

An alarm reads its whole window again at each minute, as CloudWatch does. Here the window is almost the one of a minute
before: only what has arrived since then differs. The result is the same, and much less is computed.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from async_endpoint.cloudwatch import MINUTE, Datapoint, MathQuery, StatisticQuery
from async_endpoint.planner.minutes import MinuteValues, statistics_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from async_endpoint.cloudwatch import EvaluationRules, MetricAlarm, MetricKey, MetricQuery, MetricStore


class RememberedQuery:
    """A query that remembers its window.

    Args:
        query: A query that `can_remember`.
        store: Where it reads. Data of a minute must not change once that minute has ended, or `forget` be called.
        most: The most datapoints that are asked for.
        rules: What CloudWatch's guide leaves open.
    """

    def __init__(self, query: MetricQuery, store: MetricStore, most: int, rules: EvaluationRules) -> None:
        self._query = query
        self._minutes = MinuteValues(query, store, rules)
        self._window: deque[Datapoint] = deque(maxlen=most)
        self._due: defaultdict[int, list[Datapoint]] = defaultdict(list)  # by the boundary at which they are seen
        self._end: int | None = None

    @property
    def period(self) -> int:
        """See `MetricQuery.period`."""
        return self._query.period

    def forget(self) -> None:
        """Forgets the window: somebody has put data into minutes that had passed."""
        self._end = None
        self._minutes.forget()

    def datapoints(self, store: MetricStore, end: float, count: int, rules: EvaluationRules) -> tuple[Datapoint, ...]:
        """See `MetricQuery.datapoints`; the store and the rules must be those of the constructor."""
        del store, rules
        return tuple(self.newest(int(end), count))

    def describe(self) -> dict[str, object]:
        """See `MetricQuery.describe`."""
        return self._query.describe()

    def newest(self, end: int, count: int) -> Iterable[Datapoint]:
        """Returns the newest datapoints up to a minute's boundary, as visible then, oldest first."""
        if end != self._end:
            self._move_to(end)
        return itertools.islice(self._window, len(self._window) - count, None)

    def value(self, minute: int, seen_at: int) -> float | None:
        """Returns the value of the minute that begins at `minute`, as visible at a minute's boundary."""
        return self._minutes.value(minute, seen_at)

    def is_final(self, minute: int, seen_at: int) -> bool:
        """Returns whether nothing of a minute arrives after a minute's boundary."""
        return all(arrival <= seen_at for arrival in self._minutes.arrivals(minute))

    def _move_to(self, end: int) -> None:
        if self._end is None or end != self._end + MINUTE:
            self._due.clear()
            self._window.clear()
            for minute in range(end - (self._window.maxlen or 0) * MINUTE, end, MINUTE):
                self._see(minute, end)
        else:
            first = end - len(self._window) * MINUTE - MINUTE
            for seen in self._due.pop(end, ()):
                if seen.start >= first:
                    self._window[(seen.start - first) // MINUTE] = seen
            self._see(end - MINUTE, end)
        self._end = end

    def _see(self, minute: int, end: int) -> None:
        """Appends the datapoint of a minute as visible at `end`, and notes how it will be seen later."""
        for boundary in {math.ceil(arrival / MINUTE) * MINUTE for arrival in self._minutes.arrivals(minute)}:
            if boundary > end:
                self._due[boundary].append(Datapoint(minute, self._minutes.value(minute, boundary)))
        self._window.append(Datapoint(minute, self._minutes.value(minute, end)))


def can_remember(query: MetricQuery) -> bool:
    """Returns whether each datapoint of a query depends on its own minute alone.

    FILL looks at the whole window, and longer periods overlap.
    """
    if query.period != MINUTE or not isinstance(query, MathQuery | StatisticQuery):
        return False
    expressions = query.expressions.values() if isinstance(query, MathQuery) else ()
    return all("FILL" not in each.text.upper() for each in expressions)


def calm_until(alarm: MetricAlarm, query: RememberedQuery, now: int, extra_datapoints: int) -> float:
    """Returns until when an alarm that is not in ALARM surely stays out of it; minus infinity if it may go off.

    Too few datapoints breach; and one that does not breach rules out that an alarm goes off although it lacks data. An
    alarm for which all datapoints must breach stays out as long as one of its newest does not.

    Args:
        alarm: The alarm.
        query: Its query.
        now: The minute's boundary, in epoch seconds.
        extra_datapoints: How many more datapoints it reads than it has evaluation periods.
    """
    if alarm.treat_missing_data == "breaching":
        return -math.inf
    periods = alarm.evaluation_periods
    if alarm.required_datapoints == periods:
        return _calm_of_all(alarm, query, now, extra_datapoints)
    points = [point.value for point in query.newest(now, periods + extra_datapoints) if point.value is not None]
    breaching = sum(map(alarm.breaches, points))
    return now if not breaching or breaching < min(alarm.required_datapoints, len(points)) else -math.inf


def _calm_of_all(alarm: MetricAlarm, query: RememberedQuery, now: int, extra_datapoints: int) -> float:
    """See `calm_until`, for an alarm whose datapoints must all breach.

    It evaluates as many of the newest existing ones as it has periods. While newer minutes have not arrived, older ones
    are among them; without any datapoint no alarm goes off.
    """
    periods = alarm.evaluation_periods
    oldest = now - (periods + extra_datapoints) * MINUTE
    newer, calm = 0, -math.inf
    # From the newest on: one is often enough. What arrives later may change the value of a minute.
    for minute in range(now - MINUTE, oldest - MINUTE, -MINUTE):
        if minute < now - periods * MINUTE and calm == now:
            return calm
        value = query.value(minute, now)
        if value is None:
            continue
        if alarm.breaches(value):
            newer += 1
            if newer == periods:
                return calm
            continue
        if minute + periods * MINUTE >= now and query.is_final(minute, now):
            return minute + periods * MINUTE
        calm = now
    return calm if newer else now


def metrics_of(query: MetricQuery) -> set[MetricKey]:
    """Returns the metrics that a query reads."""
    return {each.key for each in statistics_of(query)}
