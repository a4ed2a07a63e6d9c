"""How long requests waited: the share within each time as a chart, and the requests of each range as a table."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from typing import TYPE_CHECKING

from async_endpoint.operations.plan_report.axes import NumberAxis
from async_endpoint.operations.plan_report.frame import NARROW, WIDE, Frame, joined, left_of
from async_endpoint.operations.plan_report.lines import Step, share_within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

_SHORTEST, _LEAST_END = 0.1, 10.0  # seconds: where the axis begins, and the least where it ends
_TICKS = (
    (0.1, "0.1 s"), (1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3_600, "1 h"), (36_000, "10 h"),
    (360_000, "100 h"),
)  # fmt: skip
_RANGES = (
    (0.1, "up to 0.1 s"), (1, "0.1 to 1 s"), (10, "1 to 10 s"), (60, "10 s to 1 min"), (300, "1 to 5 min"),
    (900, "5 to 15 min"), (3_600, "15 min to 1 h"), (21_600, "1 to 6 h"), (math.inf, "more than 6 h"),
)  # fmt: skip
_AXIS = NumberAxis(100, 25, "%")


def ranges(ordered: Sequence[float]) -> Iterator[tuple[str, int]]:
    """Yields how many ascending waits are in each range: longer than the range before, and up to its own end."""
    before = 0
    for end, name in _RANGES:
        within = bisect_right(ordered, end)
        yield name, within - before
        before = within


def shares_chart(ordered: Sequence[float], longest: float, name: str) -> Markup:
    """Draws which share of the processed requests waited no longer than a time, on a logarithmic axis of times.

    Args:
        ordered: The waits in seconds, ascending.
        longest: The wait at which the axis ends, at least; the longest of several stages makes their charts alike.
        name: A prefix that makes ids unique on the page.
    """
    end = max(longest, _LEAST_END)
    ticks = [(at, label) for at, label in _TICKS if at <= end]
    text = "No request was processed."
    if ordered:
        text = "; ".join(f"within {label}: {share_within(ordered, at):.1%}" for at, label in ticks) + "."
    drawn = []
    for size in (WIDE, NARROW):
        frame = Frame(size, left_of(_AXIS), math.log10(_SHORTEST), math.log10(end), _AXIS)
        times = [frame.tick(math.log10(at), label) for at, label in ticks]
        line = frame.lines("waiting", _steps(ordered, frame), area=True) if ordered else frame.empty(text)
        drawn.append(
            frame.chart(f"{name}-shares", "Share of the requests by wait", text, [frame.number_axis(), *times, line])
        )
    return joined(drawn)


def _steps(ordered: Sequence[float], frame: Frame) -> list[Step]:
    """Returns a step for each pixel: the share of the requests at its right edge."""
    each = (frame.end - frame.begin) / frame.size.width
    edges = [frame.begin + each * column for column in range(frame.size.width + 1)]
    return [(left, right, 100 * share_within(ordered, 10**right)) for left, right in itertools.pairwise(edges)]
