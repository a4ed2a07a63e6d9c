"""What came of a simulation: waits, expired requests, and the time of instances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

HOUR = 3_600.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What happened in simulated time; moments are seconds from the beginning.

    Attributes:
        seconds: How long was simulated.
        requests: How many requests arrived.
        waits: How long each processed request waited until an instance took it, in their order.
        services: How long each of them was then processed.
        expired: How many requests expired in the queue.
        unfinished: How many still waited at the end.
        instance_seconds: Of all instances, from their launch to their end.
        asleep_seconds: How long no instance existed.
        wakes: How often the endpoint was woken from zero.
        longest_wake: The longest time from a request that met no instance until an instance served; 0 if none did.
        cut_off: Requests that ran longer than AWS gives an instance that is taken out of service.
        changes: Each change of the number of instances: when, and to how many.
        unknown_metrics: Metrics that scaling alarms read and a plan does not simulate: those had no data.
    """

    seconds: float
    requests: int
    waits: array[float]
    services: array[float]
    expired: int
    unfinished: int
    instance_seconds: float
    asleep_seconds: float
    wakes: int
    longest_wake: float
    cut_off: int
    changes: Sequence[tuple[float, int]]
    unknown_metrics: tuple[str, ...] = ()

    @property
    def processed(self) -> int:
        """How many requests an instance took."""
        return len(self.waits)

    @property
    def instance_hours(self) -> float:
        """Hours of all instances."""
        return self.instance_seconds / HOUR

    def wait_percentiles(self, *percents: float) -> tuple[float, ...]:
        """Returns percentiles of the waits in seconds, by nearest rank; NaN without a processed request."""
        ordered = sorted(self.waits)
        return tuple(nearest_rank(ordered, percent) for percent in percents)


def nearest_rank(ordered: Sequence[float], percent: float) -> float:
    """Returns a percentile of ascending numbers by nearest rank; NaN without a number."""
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)] if ordered else math.nan
