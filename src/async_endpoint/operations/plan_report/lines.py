"""Lines of a plan's charts: steps of numbers, and the waits that a share of the requests does not exceed."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Step = tuple[float, float, float]
"""From where to where on the time axis, and the number there."""


def steps_of(changes: Sequence[tuple[float, int]], end: float) -> Iterator[Step]:
    """Yields the steps of a number that changes, until a moment."""
    following = [at for at, _ in changes[1:]]
    for (begin, number), until in zip(changes, [*following, end], strict=True):
        yield begin, until, float(number)


def stretches(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Yields the steps that follow one another without a gap."""
    stretch: list[Step] = []
    for step in steps:
        if stretch and stretch[-1][1] != step[0]:
            yield stretch
            stretch = []
        stretch.append(step)
    if stretch:
        yield stretch


def path_of(stretch: Sequence[Step], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    """Returns the `d` of an SVG path along steps; of changes at one x it goes to the lowest, the highest and the last.

    So a path has no more points than its chart has columns, however often a number changes.
    """
    height = y(stretch[0][2])
    parts = [f"M{x(stretch[0][0]):g} {height:g}"]
    for number, (at, group) in enumerate(itertools.groupby(stretch, key=lambda step: x(step[0]))):
        if number:
            parts.append(f"H{at:g}")
        levels = [y(step[2]) for step in group]
        for level in (max(levels), min(levels), levels[-1]):
            if level != height:
                parts.append(f"V{level:g}")
                height = level
    return "".join([*parts, f"H{x(stretch[-1][1]):g}"])


def share_within(ordered: Sequence[float], seconds: float) -> float:
    """Returns the share of ascending waits that are no longer than this; there must be one."""
    return bisect_right(ordered, seconds) / len(ordered)
