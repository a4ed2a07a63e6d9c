"""How long something takes: a constant, or percentiles from which durations are drawn."""

from __future__ import annotations

import itertools
import math
import re
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from async_endpoint.planner.errors import PlanError

if TYPE_CHECKING:
    import random

_PERCENTILE = re.compile(r"p(\d+(?:\.\d+)?)=(.+)")
_WHOLE = 100.0


@dataclass(frozen=True)
class Durations:
    """Seconds by percentile, ascending; a constant is one percentile.

    Between two percentiles the seconds grow linearly. Below the first and above the last they are those of that
    percentile: give p0 and p100 for the extremes.
    """

    points: tuple[tuple[float, float], ...]

    @classmethod
    def constant(cls, seconds: float) -> Self:
        """Returns a duration that is always the same."""
        return cls(((50.0, seconds),))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads seconds such as `0.28`, or percentiles such as `p50=0.2,p95=0.8,p99=1.5`.

        Raises:
            PlanError: It is neither, or the percentiles do not ascend.
        """
        parts = text.split(",")
        matches = [_PERCENTILE.fullmatch(part.strip()) for part in parts]
        if len(parts) == 1 and matches[0] is None:
            return cls.constant(_seconds(text, text))
        points = [(float(match[1]), _seconds(match[2], text)) for match in matches if match]
        if len(points) < len(parts):
            raise _unreadable(text)
        for (lower, less), (upper, more) in itertools.pairwise(points):
            if lower >= upper or less > more:
                raise PlanError(f"The percentiles of {text!r} do not ascend: write the lower ones first.")
        if points[-1][0] > _WHOLE:
            raise PlanError(f"The percentiles of {text!r} go from p0 to p100.")
        return cls(tuple(points))

    def draw(self, source: random.Random) -> float:
        """Returns one duration in seconds."""
        if len(self.points) == 1:
            return self.points[0][1]
        at = source.random() * _WHOLE
        index = bisect_left(self.points, at, key=lambda point: point[0])
        if index in {0, len(self.points)}:
            return self.points[min(index, len(self.points) - 1)][1]
        (lower, less), (upper, more) = self.points[index - 1 : index + 1]
        return less + (more - less) * (at - lower) / (upper - lower)

    def draw_many(self, count: int, source: random.Random) -> array[float]:
        """Returns so many durations in seconds."""
        if len(self.points) == 1:
            return array("d", [self.points[0][1]]) * count
        draw = self.draw
        return array("d", (draw(source) for _ in range(count)))


def _seconds(text: str, whole: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise _unreadable(whole) from error
    if not math.isfinite(number) or number < 0:
        raise PlanError(f"A duration is a number of seconds that is not negative: {whole!r} cannot be used.")
    return number


def _unreadable(text: str) -> PlanError:
    return PlanError(
        f"{text!r} is no duration: write seconds, such as 0.28, or percentiles, such as p50=0.2,p95=0.8,p99=1.5."
    )
