"""Draws the requests that wait, the instances and the waits of plans as a PNG: a column for each stage.

It needs matplotlib, which the extra `plot` installs.
"""

from __future__ import annotations

import math
from typing import IO, TYPE_CHECKING

from matplotlib.figure import Figure

from async_endpoint.operations.plan_report.axes import Calendar, NumberAxis
from async_endpoint.operations.plan_report.texts import width
from async_endpoint.planner.history import Bucket, History, bucket_width
from async_endpoint.planner.traffic import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

_INCHES = (11, 7.5)  # of the first column
_MORE_INCHES = 6.5  # of each other one
_DOTS_PER_INCH = 120
_MOST_BUCKETS, _MOST_TICKS = 800, 6
_WAITING, _SERVING, _DESIRED, _P50, _P95 = "#2f6fb5", "#7048c4", "#59636e", "#12a08a", "#a3212a"


def draw_plan(file: IO[bytes], histories: Sequence[tuple[str, History]], calendar: Calendar) -> None:
    """Writes a PNG with three panels for each stage; each has its own scale, and all have the same time.

    Args:
        file: Takes the PNG.
        histories: The name of each stage, and what happened in it.
        calendar: The names of the moments.

    Raises:
        OSError: The file cannot be written.
    """
    inches = _INCHES[0] + _MORE_INCHES * (len(histories) - 1), _INCHES[1]
    figure = Figure(figsize=inches, dpi=_DOTS_PER_INCH, layout="constrained")
    columns = figure.subplots(3, len(histories), squeeze=False, sharex="col").T
    for panels, (name, history) in zip(columns, histories, strict=True):
        _draw(panels, name, history, calendar)
    figure.savefig(file, format="png")


def _draw(panels: Sequence[Axes], name: str, history: History, calendar: Calendar) -> None:
    seconds = bucket_width(history.seconds, _MOST_BUCKETS)
    buckets = list(history.buckets(0.0, history.seconds, seconds))
    waiting, instances, waits = panels
    # A name such as a path with dollar signs is not mathematics.
    waiting.set_title(name, parse_math=False)
    waiting.stairs([each.most_waiting for each in buckets], _edges(buckets), color=_WAITING, fill=True)
    waiting.set_ylabel(f"requests that wait,\nmaximum of each {width(seconds)}")
    _scale(waiting, NumberAxis.of_counts(max(each.most_waiting for each in buckets)))
    for changes, color, style, label in (
        (history.in_service, _SERVING, "-", "in service"),
        (history.desired, _DESIRED, "--", "with those that start"),
    ):
        steps = [*changes, (history.seconds, changes[-1][1])]
        moments, counts = zip(*steps, strict=True)
        instances.step(moments, counts, where="post", color=color, linestyle=style, linewidth=1.2, label=label)
        if style == "-":
            instances.fill_between(moments, counts, step="post", color=color, alpha=0.2, linewidth=0)
    instances.set_ylabel("instances")
    _scale(instances, NumberAxis.of_counts(max(count for _, count in (*history.in_service, *history.desired))))
    # From zero, so that a bucket that is alone shows.
    known = [each for each in buckets if not math.isnan(each.p95)]
    begins = [each.begin for each in known]
    waits.vlines(begins, 0.0, [each.p95 for each in known], colors=_P95, linewidth=1.2, label="p95")
    waits.vlines(begins, 0.0, [each.p50 for each in known], colors=_P50, linewidth=1.2, label="p50")
    waits.set_ylabel(f"wait of those that\narrive in each {width(seconds)}")
    _scale(waits, NumberAxis.of_seconds(max((each.p95 for each in known), default=0.0)))
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    for axes in (instances, waits):
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.97), ncols=2, frameon=False)
    ticks = calendar.ticks(0.0, history.seconds, _MOST_TICKS if history.seconds > DAY else 2 * _MOST_TICKS)
    waits.set_xticks([at for at, _ in ticks], [label for _, label in ticks])
    waits.set_xlim(0.0, history.seconds)


def _edges(buckets: Sequence[Bucket]) -> list[float]:
    return [*(bucket.begin for bucket in buckets), buckets[-1].end]


def _scale(axes: Axes, numbers: NumberAxis) -> None:
    axes.set_yticks([at for at, _ in numbers.labels()], [label for _, label in numbers.labels()])
    axes.set_ylim(0.0, numbers.top * 1.02)
