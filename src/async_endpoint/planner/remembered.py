"""Queries of alarms that compute a datapoint as long as it can still change, and remember it after that.

An alarm reads its whole window again at each minute, as CloudWatch does. Here the window is almost the one of a minute
before: only what may have arrived since then differs. The result is the same, and much less is computed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from async_endpoint.cloudwatch import MINUTE, MathQuery

if TYPE_CHECKING:
    from async_endpoint.cloudwatch import Datapoint, EvaluationRules, MetricQuery, MetricStore


class RememberedQuery:
    """A query that remembers its last window.

    Args:
        query: A query whose datapoints depend on nothing outside their own minutes: see `can_remember`.
        latest: Seconds from a minute's end after which none of its datapoints arrives any more.
    """

    def __init__(self, query: MetricQuery, latest: float) -> None:
        self._query = query
        # At a minute's boundary, so many of the newest minutes may have got a datapoint since the last boundary.
        self._fresh = math.ceil(latest / MINUTE) + 1
        self._window: tuple[Datapoint, ...] = ()
        self._end = -math.inf

    @property
    def period(self) -> int:
        """See `MetricQuery.period`."""
        return self._query.period

    def forget(self) -> None:
        """Forgets the window: somebody has put data into minutes that had passed."""
        self._end = -math.inf

    def datapoints(self, store: MetricStore, end: float, count: int, rules: EvaluationRules) -> tuple[Datapoint, ...]:
        """See `MetricQuery.datapoints`."""
        if end == self._end + MINUTE and len(self._window) == count > self._fresh:
            settled = self._window[1 : count - self._fresh + 1]
            self._window = settled + self._query.datapoints(store, end, self._fresh, rules)
        else:
            self._window = self._query.datapoints(store, end, count, rules)
        self._end = end
        return self._window

    def describe(self) -> dict[str, object]:
        """See `MetricQuery.describe`."""
        return self._query.describe()


def can_remember(query: MetricQuery) -> bool:
    """Returns whether each datapoint of a query depends on its own minute alone.

    FILL looks at the whole window, and longer periods overlap.
    """
    if query.period != MINUTE:
        return False
    expressions = query.expressions.values() if isinstance(query, MathQuery) else ()
    return all("FILL" not in each.text.upper() for each in expressions)
