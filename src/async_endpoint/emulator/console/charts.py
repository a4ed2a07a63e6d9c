"""Charts of an endpoint over time as SVG: the backlog of each minute as bars, instances as steps."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.console.markup import Html, fill, joined
from async_endpoint.emulator.hosting.history import Point

_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120)  # minutes
_LONGEST_GAP = 5 * MINUTE  # a longer one is shown: the local AWS did not run
_LEAST_SPAN = 10 * MINUTE
_TOP, _BOTTOM, _RIGHT = 12, 24, 12


@dataclass(frozen=True)
class Size:
    """A chart's size in pixels, and how much room its labels need."""

    name: str
    width: int
    height: int
    time_labels: int


# A drawing that is scaled has unreadable labels on a narrow screen: the page has one of each, and shows one.
SIZES = (Size("wide", 1160, 210, 10), Size("narrow", 360, 180, 4))


@dataclass(frozen=True)
class _Frame:
    """Where times and numbers lie in a chart.

    Attributes:
        size: The chart's.
        start: The left edge, in epoch seconds.
        end: The right edge.
        step: Between two labelled numbers.
        top: The highest number, a multiple of the step.
    """

    size: Size
    start: float
    end: float
    step: int
    top: int

    @classmethod
    def of(cls, size: Size, start: float, end: float, highest: int) -> "_Frame":
        step = _number_step(highest)
        return cls(size, min(start, end - _LEAST_SPAN), end, step, max(1, math.ceil(highest / step)) * step)

    @property
    def left(self) -> int:
        return 14 + 8 * len(f"{self.top:,}")

    def x(self, at: float) -> float:
        share = (max(at, self.start) - self.start) / (self.end - self.start)
        return round(self.left + share * (self.size.width - self.left - _RIGHT), 1)

    def y(self, number: float) -> float:
        return round(self.base - number / self.top * (self.base - _TOP), 1)

    @property
    def base(self) -> int:
        return self.size.height - _BOTTOM

    def axes(self) -> Html:
        """Lines and labels of both axes."""
        lines = [
            fill(
                '<line class="grid" x1="$left" x2="$right" y1="$y" y2="$y"/>'
                '<text class="number" x="$at" y="$y" dy="4">$number</text>',
                left=self.left,
                right=self.size.width - _RIGHT,
                y=self.y(number),
                at=self.left - 8,
                number=f"{number:,}",
            )
            for number in range(0, self.top + 1, self.step)
        ]
        times = [
            fill(
                '<line class="tick" x1="$x" x2="$x" y1="$base" y2="$below"/>'
                '<text class="hour" x="$x" y="$y">$at</text>',
                x=self.x(at),
                base=self.base,
                below=self.base + 4,
                y=self.size.height - 6,
                at=clock_time(at),
            )
            for at in self._times()
        ]
        return joined(lines + times)

    def _times(self) -> Iterator[int]:
        minutes = (self.end - self.start) / MINUTE
        step = next((each for each in _TIME_STEPS if minutes / each <= self.size.time_labels), _TIME_STEPS[-1]) * MINUTE
        at = math.ceil(self.start / step) * step
        while at <= self.end:
            # A label at an edge would be cut off.
            if self.left <= self.x(at) <= self.size.width - 20:
                yield at
            at += step


def backlog_chart(points: Sequence[Point], start: float, now: float) -> Html:
    """Requests that waited and that were processed_by on, the most of each minute; in each of the sizes."""
    most = max(points, key=lambda point: point.waiting + point.in_flight, default=None)
    described = "No request in this time."
    if most is not None and most.waiting + most.in_flight:
        described = (
            f"From {clock_time(start)} to {clock_time(now)}. The most were {most.waiting:,} waiting and "
            f"{most.in_flight:,} in flight at {clock_time(most.minute)}; the last were {points[-1].waiting:,} waiting "
            f"and {points[-1].in_flight:,} in flight."
        )
    highest = 0 if most is None else most.waiting + most.in_flight
    return joined(
        _svg("backlog", "Backlog over time", described, frame, joined(_bars(frame, points)))
        for frame in (_Frame.of(size, start, now, highest) for size in SIZES)
    )


def instances_chart(points: Sequence[Point], start: float, now: float) -> Html:
    """Instances in service and asked for; in each of the sizes."""
    highest = max((max(point.instances, point.desired) for point in points), default=0)
    described = "No instance in this time."
    if highest:
        last = points[-1]
        described = (
            f"From {clock_time(start)} to {clock_time(now)}. The most in service were "
            f"{max(point.instances for point in points)}; now {last.instances} in service, {last.desired} desired."
        )

    def lines(frame: _Frame) -> Html:
        running = list(_steps(frame, points, [point.instances for point in points]))
        desired = list(_steps(frame, points, [point.desired for point in points]))
        return joined(
            [
                *(fill('<path class="area" d="$d V$base H$x Z"/>', d=d, base=frame.base, x=x) for x, d in running),
                *(fill('<path class="desired" d="$d"/>', d=d) for _, d in desired),
                *(fill('<path class="running" d="$d"/>', d=d) for _, d in running),
            ]
        )

    return joined(
        _svg("instances", "Instances over time", described, frame, lines(frame))
        for frame in (_Frame.of(size, start, now, highest) for size in SIZES)
    )


def clock_time(at: float) -> str:
    """Hours and minutes of a moment in epoch seconds, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M}"


def _svg(name: str, title: str, described: str, frame: _Frame, drawing: Html) -> Html:
    size = frame.size
    return fill(
        '<svg class="chart $kind" role="img" viewBox="0 0 $width $height" aria-labelledby="$id-title $id-desc">'
        '<title id="$id-title">$title</title><desc id="$id-desc">$described</desc>$axes$drawing</svg>',
        kind=size.name,
        id=f"{name}-{size.name}",
        width=size.width,
        height=size.height,
        title=title,
        described=described,
        axes=frame.axes(),
        drawing=drawing,
    )


def _bars(frame: _Frame, points: Sequence[Point]) -> Iterator[Html]:
    """A bar for each minute that had requests: those in flight, and on them those that waited."""
    for point in points:
        if not point.waiting + point.in_flight:
            continue
        left, right = frame.x(point.minute), frame.x(min(point.minute + MINUTE, frame.end))
        width = max(1.0, right - left - (1.0 if right - left > 3 else 0.0))  # noqa: PLR2004 - a gap where there is room
        middle = frame.y(point.in_flight)
        yield fill(
            '<g class="minute"><title>$at: $waiting waiting, $busy in flight</title>'
            '<rect class="in-flight" x="$x" y="$middle" width="$width" height="$low"/>'
            '<rect class="waiting" x="$x" y="$top" width="$width" height="$high"/></g>',
            at=clock_time(point.minute),
            waiting=f"{point.waiting:,}",
            busy=f"{point.in_flight:,}",
            x=left,
            width=round(width, 1),
            middle=middle,
            low=round(frame.base - middle, 1),
            top=frame.y(point.waiting + point.in_flight),
            high=round(middle - frame.y(point.waiting + point.in_flight), 1),
        )


def _steps(frame: _Frame, points: Sequence[Point], numbers: Sequence[int]) -> Iterator[tuple[float, str]]:
    """The line of each unbroken stretch, and where it begins."""
    path, began = "", 0.0
    for index, (point, number) in enumerate(zip(points, numbers, strict=True)):
        following = points[index + 1].minute if index + 1 < len(points) else None
        unbroken = following is not None and following - point.minute <= _LONGEST_GAP
        end = following if unbroken and following is not None else min(point.minute + MINUTE, frame.end)
        if not path:
            began = frame.x(point.minute)
            path = f"M{began} {frame.y(number)}"
        path += f" V{frame.y(number)} H{frame.x(end)}"
        if not unbroken:
            yield began, path
            path = ""


def _number_step(highest: int) -> int:
    """A step of 1, 2 or 5 times a power of ten that makes at most five of a number."""
    step = 1
    while highest / step > 5:  # noqa: PLR2004 - as it says
        step *= 10
    for finer in (step // 5, step // 2):
        if finer and highest / finer <= 5:  # noqa: PLR2004 - as it says
            return finer
    return step
