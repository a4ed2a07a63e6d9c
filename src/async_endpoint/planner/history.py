"""What happened in a simulation over time: requests that waited, instances, and waits.

It is derived after the run from when requests arrived and left the queue, so that the simulation notes nothing for it
but the changes of instances.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from async_endpoint.planner.outcome import nearest_rank
from async_endpoint.planner.traffic import DAY

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator, Sequence

# Widths of buckets in seconds: each divides a day.
_WIDTHS = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, DAY)


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A span of a simulation; moments are seconds from its beginning.

    Attributes:
        begin: When it begins.
        end: When it ends; what happens then belongs to the next one.
        arrived: How many requests arrived.
        most_waiting: The most requests that waited at a moment of it.
        most_waiting_at: The first such moment.
        most_in_service: The most instances that served at a moment of it.
        p50: The median wait in seconds of the requests that arrived in it and were processed; NaN without one.
        p95: The 95th percentile of those waits, by nearest rank like the median.
    """

    begin: float
    end: float
    arrived: int
    most_waiting: int
    most_waiting_at: float
    most_in_service: int
    p50: float
    p95: float


@dataclass(frozen=True, kw_only=True)
class History:
    """What happened in a simulation; moments are seconds from its beginning.

    Attributes:
        begins_at: Epoch seconds of the beginning.
        seconds: How long was simulated.
        is_dated: Whether its days have dates; they are those of any week otherwise.
        arrivals: When each request arrived, ascending.
        left: When each request left the queue, ascending, because an instance took it or because it expired; shorter
            than the arrivals by those that still wait at the end.
        expired: The indices of the requests that expired.
        desired: The number of instances that exist or start: from which moment on it is which.
        in_service: The number of instances that serve, in the same form.
    """

    begins_at: float
    seconds: float
    is_dated: bool
    arrivals: array[float]
    left: array[float]
    expired: Sequence[int]
    desired: Sequence[tuple[float, int]]
    in_service: Sequence[tuple[float, int]]

    def buckets(self, begin: float, end: float, width: float) -> Iterator[Bucket]:
        """Yields the buckets of a span, one after another; the last one may be shorter."""
        first = begin
        while first < end:
            last = min(first + width, end)
            yield self._bucket(first, last)
            first = last

    def busiest_day(self) -> float:
        """Returns the beginning of the day, from the simulation's first moment on, with the most arrivals."""
        days = range(0, math.ceil(self.seconds), DAY)
        return float(max(days, key=lambda day: bisect_left(self.arrivals, day + DAY) - bisect_left(self.arrivals, day)))

    def _bucket(self, begin: float, end: float) -> Bucket:
        first, last = bisect_left(self.arrivals, begin), bisect_left(self.arrivals, end)
        most, at = self._most_waiting(begin, first, last)
        gone = self._expired
        waits = sorted(
            self.left[index] - self.arrivals[index]
            for index in range(first, min(last, len(self.left)))
            if index not in gone
        )
        return Bucket(
            begin=begin,
            end=end,
            arrived=last - first,
            most_waiting=most,
            most_waiting_at=at,
            most_in_service=max(count for _, count in steps_within(self.in_service, begin, end)),
            p50=nearest_rank(waits, 50),
            p95=nearest_rank(waits, 95),
        )

    def _most_waiting(self, begin: float, first: int, last: int) -> tuple[int, float]:
        """Returns the most requests that waited, and when: at the beginning, or when one of these requests arrived."""
        left, gone = self.left, bisect_right(self.left, begin)
        most, at, count = first - gone, begin, len(left)
        for index in range(first, last):
            arrival = self.arrivals[index]
            # One that is taken when it arrives never waited.
            while gone < count and left[gone] <= arrival:
                gone += 1
            if index + 1 - gone > most:
                most, at = index + 1 - gone, arrival
        return most, at

    @cached_property
    def _expired(self) -> frozenset[int]:
        return frozenset(self.expired)


def steps_within(changes: Sequence[tuple[float, int]], begin: float, end: float) -> list[tuple[float, int]]:
    """Returns the changes of a number within a span, the first of which says what it is at the beginning."""
    first = bisect_right(changes, begin, key=lambda change: change[0])
    last = bisect_left(changes, end, key=lambda change: change[0])
    return [(begin, changes[first - 1][1]), *changes[first:last]]


def bucket_width(seconds: float, most: int) -> int:
    """Returns the least width, in seconds, that divides a span into so many buckets at most, and a day evenly."""
    return next((width for width in _WIDTHS if seconds / width <= most), DAY)
