"""Three charts of one span of a simulation with one time axis: requests that wait, instances, and waits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.counted import counted
from async_endpoint.operations.plan_report.axes import Calendar, NumberAxis
from async_endpoint.operations.plan_report.frame import NARROW, WIDE, Frame, joined, left_of
from async_endpoint.operations.plan_report.lines import Step, steps_of
from async_endpoint.operations.plan_report.texts import duration
from async_endpoint.planner.history import Bucket, History, bucket_width, steps_within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup

MOST_BUCKETS = 800


@dataclass(frozen=True)
class Panel:
    """One of the charts.

    Attributes:
        kind: "backlog", "instances" or "waits".
        title: What it shows.
        text: What a reader would see in it.
        axis: Of its numbers.
        draw: Draws its lines, or a word if there are none.
    """

    kind: str
    title: str
    text: str
    axis: NumberAxis
    draw: Callable[[Frame], Markup]


def time_charts(
    panels: Sequence[Panel],
    calendar: Calendar,
    span: tuple[float, float],
    name: str,
    hovers: Sequence[tuple[Bucket, str]],
) -> dict[str, Markup]:
    """Draws panels below one another, each in two sizes.

    Args:
        panels: Of one span.
        calendar: The names of its moments.
        span: From when to when, in seconds from the beginning of the simulation.
        name: A prefix that makes ids unique on the page.
        hovers: What the pointer finds on the wide charts.
    """
    charts = {}
    for panel in panels:
        drawn = []
        for size in (WIDE, NARROW):
            frame = Frame(size, left_of(*(each.axis for each in panels)), *span, panel.axis)
            drawing = [frame.time_axis(calendar), frame.number_axis(), panel.draw(frame)]
            if size is WIDE:
                drawing += [frame.hover(bucket.begin, bucket.end, text) for bucket, text in hovers]
            text = f"From {calendar.moment(span[0])} to {calendar.moment(span[1])}. {panel.text}"
            drawn.append(frame.chart(f"{name}-{panel.kind}", panel.title, text, drawing))
        charts[panel.kind] = joined(drawn)
    return charts


def panels_of(history: History, calendar: Calendar, begin: float, end: float) -> tuple[list[Panel], int]:
    """Returns the panels of a span, and the seconds of a bucket in them."""
    width = bucket_width(end - begin, MOST_BUCKETS)
    buckets = list(history.buckets(begin, end, width))
    return [
        _backlog(buckets, calendar),
        _instances(steps_within(history.desired, begin, end), steps_within(history.in_service, begin, end), end),
        _waits(buckets, calendar),
    ], width


def _backlog(buckets: Sequence[Bucket], calendar: Calendar) -> Panel:
    peak = max(buckets, key=lambda bucket: bucket.most_waiting)
    text = "No request waited."
    if peak.most_waiting:
        text = f"At most {counted(peak.most_waiting, 'request')} waited, on {calendar.moment(peak.most_waiting_at)}."

    def draw(frame: Frame) -> Markup:
        if not peak.most_waiting:
            return frame.empty(text)
        return frame.lines("waiting", [(each.begin, each.end, each.most_waiting) for each in buckets], area=True)

    return Panel("backlog", "Requests that wait", text, NumberAxis.of_counts(peak.most_waiting), draw)


def _instances(desired: Sequence[tuple[float, int]], serving: Sequence[tuple[float, int]], end: float) -> Panel:
    most, most_serving = (max(count for _, count in changes) for changes in (desired, serving))
    text = f"At most {most_serving:,} in service; at most {most:,} with those that start." if most else "No instance."

    def draw(frame: Frame) -> Markup:
        if not most:
            return frame.empty(text)
        with_starting = frame.lines("desired", list(steps_of(desired, end)), area=False)
        return frame.lines("serving", list(steps_of(serving, end)), area=True) + with_starting

    return Panel("instances", "Instances", text, NumberAxis.of_counts(max(most, most_serving)), draw)


def _waits(buckets: Sequence[Bucket], calendar: Calendar) -> Panel:
    known = [bucket for bucket in buckets if not math.isnan(bucket.p95)]
    slowest = max(known, key=lambda bucket: bucket.p95, default=None)
    text = "No request was processed."
    if slowest is not None:
        text = (
            f"The longest p95 is {duration(slowest.p95)}, of the requests that arrived from "
            f"{calendar.moment(slowest.begin)} to {calendar.clock(slowest.end)}; their p50 is {duration(slowest.p50)}."
        )
    p50: list[Step] = [(bucket.begin, bucket.end, bucket.p50) for bucket in known]
    p95: list[Step] = [(bucket.begin, bucket.end, bucket.p95) for bucket in known]

    def draw(frame: Frame) -> Markup:
        if slowest is None:
            return frame.empty(text)
        return frame.bars("p95", p95) + frame.bars("p50", p50)

    return Panel("waits", "Waits by time of arrival", text, NumberAxis.of_seconds(slowest.p95 if slowest else 0), draw)
