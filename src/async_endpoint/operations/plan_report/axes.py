"""The axes of a plan's charts: days and hours below, requests or lengths of time at the side.

The page and the picture share them. A simulation of described traffic has days without dates: they are numbered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from async_endpoint.counted import counted
from async_endpoint.planner.traffic import DAY

if TYPE_CHECKING:
    from async_endpoint.planner import History

_HOUR, _MINUTE = 3_600, 60
_DAY_STEPS = (1, 2, 7, 14, 28, 56, 112, 224)
_HOUR_STEPS = (1, 2, 3, 4, 6, 12, 24)
_DAYS_A_WEEK = 7
_HOURS_UNTIL = 2 * DAY  # a longer axis has days
_MOST_NUMBERS = 5  # above zero
_MANTISSAS = (1, 2, 5, 10)
# An axis has the largest unit of which its top has two.
_UNITS = (("h", _HOUR), ("min", _MINUTE))


@dataclass(frozen=True)
class Calendar:
    """Names the moments of a simulation, which are seconds from its beginning.

    Attributes:
        begins_at: Epoch seconds of the beginning, a midnight in UTC.
        is_dated: Whether the days have dates; they are numbered otherwise.
    """

    begins_at: float
    is_dated: bool

    @classmethod
    def from_history(cls, history: History) -> Calendar:
        """Returns the calendar of a simulation."""
        return cls(history.begins_at, history.is_dated)

    def day(self, at: float, *, weekday: bool = True) -> str:
        """Returns the day of a moment, such as `Mon, 11 Jan` or `Mon, day 8`."""
        moment = self._moment(at)
        name = f"{moment.day} {moment:%b}" if self.is_dated else f"day {math.floor(at / DAY) + 1}"
        return f"{moment:%a}, {name}" if weekday else name

    def clock(self, at: float) -> str:
        """Returns the time of day of a moment, such as `06:00`."""
        return f"{self._moment(at):%H:%M}"

    def moment(self, at: float) -> str:
        """Returns day and time of day of a moment."""
        return f"{self.day(at)}, {self.clock(at)}"

    def days(self, seconds: float) -> str:
        """Returns which days a simulation of this length has."""
        count = math.ceil(seconds / DAY)
        noun = counted(count, "day")
        if self.is_dated:
            return f"{noun} from {self._moment(0):%a}, {self._moment(0).day} {self._moment(0):%b %Y}"
        return f"{noun} from a {self._moment(0):%A}"

    def is_weekend(self, at: float) -> bool:
        """Whether a moment is on a Saturday or Sunday."""
        return self._moment(at).isoweekday() >= _DAYS_A_WEEK - 1

    def ticks(self, begin: float, end: float, most: int) -> list[tuple[float, str]]:
        """Returns so many moments of a span at most, with their labels: hours of a short one, days of a long one."""
        if end - begin <= _HOURS_UNTIL:
            hours = (end - begin) / _HOUR
            step = next((each for each in _HOUR_STEPS if hours / each <= most), _HOUR_STEPS[-1]) * _HOUR
            return [(at, self.clock(at)) for at in _multiples(begin, end, step)]
        days = math.ceil((end - begin) / DAY)
        step = next((each for each in _DAY_STEPS if days / each <= most), _DAY_STEPS[-1])
        first = begin
        if step % _DAYS_A_WEEK == 0:
            first += (_DAYS_A_WEEK - self._moment(begin).weekday()) % _DAYS_A_WEEK * DAY
        return [(at, self.day(at)) for at in _multiples(first, end, step * DAY)]

    def _moment(self, at: float) -> datetime:
        return datetime.fromtimestamp(self.begins_at + at, UTC)


@dataclass(frozen=True)
class NumberAxis:
    """A scale from zero to a round number.

    Attributes:
        top: The highest number.
        step: Between two labelled numbers.
        unit: What follows each label; empty for requests and instances.
        size: How much of what is drawn one unit is: 60 for minutes of seconds.
    """

    top: float
    step: float
    unit: str = ""
    size: float = 1.0

    @classmethod
    def of_counts(cls, highest: int) -> NumberAxis:
        """Returns an axis of whole numbers."""
        step = max(1.0, _round_step(max(1, highest) / _MOST_NUMBERS))
        return cls(max(1, math.ceil(highest / step)) * step, step)

    @classmethod
    def of_seconds(cls, highest: float) -> NumberAxis:
        """Returns an axis of lengths of time, in seconds, minutes or hours; it has a second at least."""
        highest = max(highest, 1.0)
        unit, size = next((each for each in _UNITS if highest >= 2 * each[1]), ("s", 1))
        step = _round_step(highest / size / _MOST_NUMBERS)
        return cls(math.ceil(highest / size / step) * step * size, step * size, unit, size)

    def labels(self) -> list[tuple[float, str]]:
        """Returns each labelled number."""
        decimals = max(0, -math.floor(math.log10(self.step / self.size)))
        count = round(self.top / self.step)
        unit = f" {self.unit}" if self.unit else ""
        return [
            (index * self.step, f"{index * self.step / self.size:,.{decimals}f}{unit}") for index in range(count + 1)
        ]


def _multiples(first: float, end: float, step: float) -> list[float]:
    return [first + index * step for index in range(math.ceil((end - first) / step))]


def _round_step(least: float) -> float:
    """Returns the least 1, 2 or 5 times a power of ten that is no less than a number."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(each * power for each in _MANTISSAS if each * power >= least * (1 - 1e-9))
