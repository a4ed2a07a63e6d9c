"""Traffic described by a few numbers, drawn by a seed."""

import random
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Self

from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.traffic import DAY, MONDAY, Traffic

HOUR = 3_600
MONTH_DAYS = 30
_LAST_HOUR = 24
_DAYS_A_WEEK = 7
_MOST_REQUESTS = 50_000_000
# How long the requests of a burst and of a nightly batch take to arrive, in seconds.
_BURST_SECONDS = 60.0
_SPAN = re.compile(r"(\d+)-(\d+)")


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A month's traffic; hours are UTC.

    Attributes:
        rate: Requests an hour around the clock, at random moments (a Poisson process).
        office_rate: Requests an hour in office hours, on top.
        office_hours: From which hour to which.
        office_days: From which day of the week to which, 1 is Monday.
        bursts: Bursts a day, at random moments.
        burst_size: Requests of a burst, within a minute.
        nightly: Requests of a batch each night, within a minute.
        nightly_hour: When the batch begins.
        growth: Percent by which everything grows in 30 days.
        days: How many days, from a Monday.
    """

    rate: float = 0.0
    office_rate: float = 0.0
    office_hours: tuple[int, int] = (8, 18)
    office_days: tuple[int, int] = (1, 5)
    bursts: float = 0.0
    burst_size: int = 0
    nightly: int = 0
    nightly_hour: int = 2
    growth: float = 0.0
    days: int = MONTH_DAYS

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads pairs such as `rate=30,office-rate=400,office-hours=8-18,nightly=5000`.

        Raises:
            PlanError: A name is unknown, a value is out of range, or no request would arrive.
        """
        given: dict[str, object] = {}
        for pair in text.split(","):
            name, _, value = pair.partition("=")
            known = name.strip().replace("-", "_")
            if known not in _RANGES:
                names = ", ".join(each.replace("_", "-") for each in _RANGES)
                raise PlanError(f"A pattern has no {name.strip()!r}: choose of {names}.")
            given[known] = _value(known, value.strip())
        pattern = cls(**given)  # type: ignore[arg-type]  # each was checked against its range
        if not (pattern.rate or pattern.office_rate or pattern.nightly or (pattern.bursts and pattern.burst_size)):
            raise PlanError(
                f"The pattern {text!r} has no request: give rate, office-rate, nightly, or bursts with burst-size."
            )
        return pattern

    def traffic(self, seed: int) -> Traffic:
        """Returns the arrivals: the same pattern and seed, the same arrivals.

        Raises:
            PlanError: They are too many to simulate.
        """
        if (about := self._about()) > _MOST_REQUESTS:
            raise PlanError(f"The pattern has about {about:,.0f} requests: at most {_MOST_REQUESTS:,} are simulated.")
        arrivals = array("d", sorted(self._arrivals(random.Random(seed))))  # noqa: S311 - a simulation
        return Traffic(MONDAY, float(self.days * DAY), arrivals)

    def _about(self) -> float:
        daily = self.rate * _LAST_HOUR + self.office_rate * (self.office_hours[1] - self.office_hours[0])
        daily += self.bursts * self.burst_size + self.nightly
        return daily * self.days * max(1.0, self._grown(self.days))

    def _grown(self, day: float) -> float:
        return float((1 + self.growth / 100) ** (day / MONTH_DAYS))

    def _arrivals(self, source: random.Random) -> Iterator[float]:
        end = float(self.days * DAY)
        for hour in range(self.days * _LAST_HOUR):
            grown = self._grown(hour / _LAST_HOUR)
            yield from _poisson(self._rate(hour) * grown, float(hour * HOUR), source)
        for day in range(self.days):
            grown = self._grown(day)
            for begin in _poisson(self.bursts / _LAST_HOUR, float(day * DAY), source, hours=_LAST_HOUR):
                yield from _together(round(self.burst_size * grown), begin, end, source)
            yield from _together(round(self.nightly * grown), day * DAY + self.nightly_hour * HOUR, end, source)

    def _rate(self, hour: int) -> float:
        """Returns the requests of an hour that counts from the beginning."""
        day, hour = divmod(hour, _LAST_HOUR)
        at_work = self.office_days[0] <= day % _DAYS_A_WEEK + 1 <= self.office_days[1]
        at_work = at_work and self.office_hours[0] <= hour < self.office_hours[1]
        return self.rate + (self.office_rate if at_work else 0.0)


def _poisson(rate: float, begin: float, source: random.Random, hours: int = 1) -> Iterator[float]:
    """Yields random moments of a span, so many an hour on average, in seconds."""
    if not rate:
        return
    at, end, a_second = begin, begin + hours * HOUR, rate / HOUR
    while (at := at + source.expovariate(a_second)) < end:
        yield at


def _together(count: int, begin: float, end: float, source: random.Random) -> Iterator[float]:
    for _ in range(count):
        moment = begin + source.random() * _BURST_SECONDS
        if moment < end:
            yield moment


# The range of each number; of a span, that of both of its ends.
_RANGES: dict[str, tuple[float, float]] = {
    "rate": (0, 1_000_000),
    "office_rate": (0, 1_000_000),
    "office_hours": (0, 24),
    "office_days": (1, 7),
    "bursts": (0, 10_000),
    "burst_size": (0, 1_000_000),
    "nightly": (0, 10_000_000),
    "nightly_hour": (0, 23),
    "growth": (-99, 10_000),
    "days": (1, 400),
}
_WHOLE = {each.name for each in fields(Pattern) if each.type in (int, "int")}


def _value(name: str, text: str) -> float | int | tuple[int, int]:
    least, most = _RANGES[name]
    shown = name.replace("_", "-")
    if name in {"office_hours", "office_days"}:
        match = _SPAN.fullmatch(text)
        span = (int(match[1]), int(match[2])) if match else (1, 0)
        if not least <= span[0] <= span[1] <= most or (name == "office_hours" and span[0] == span[1]):
            raise PlanError(f"{shown} is a span within {least:g}-{most:g}, such as 1-5, and not {text!r}.")
        return span
    try:
        number = int(text) if name in _WHOLE else float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        kind = "a whole number" if name in _WHOLE else "a number"
        raise PlanError(f"{shown} is {kind} from {least:g} to {most:g}, and not {text!r}.")
    return number
