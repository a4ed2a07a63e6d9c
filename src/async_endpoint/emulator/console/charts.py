"""Charts of an endpoint over time as SVG: the backlog of each minute as bars, instances as steps."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.hosting.history import Point

_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120)  # minutes
_LONGEST_GAP = 5 * MINUTE  # a longer one is drawn as a gap: the local AWS did not run
_LEAST_SPAN = 10 * MINUTE
_TOP, _BOTTOM, _RIGHT = 12, 24, 12
_MAX_NUMBERS = 5  # above zero, on the axis
_NO_REQUEST, _NO_INSTANCE = "No request in this time.", "No instance in this time."
_GAP_FROM_WIDTH = 3.0  # a bar of less than this has no room for a gap beside it

_CHART = Markup(
    '<svg class="chart {kind}" role="img" viewBox="0 0 {width} {height}" aria-labelledby="{id}-title {id}-desc">'
    '<title id="{id}-title">{title}</title><desc id="{id}-desc">{description}</desc>{axes}{drawing}</svg>'
)
_NUMBER = Markup(
    '<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
    '<text class="number" x="{at}" y="{y}" dy="4">{number}</text>'
)
_TIME = Markup(
    '<line class="tick" x1="{x}" x2="{x}" y1="{base}" y2="{below}"/><text class="hour" x="{x}" y="{y}">{time}</text>'
)
_BAR = Markup(
    '<g class="minute"><title>{time}: {waiting} waiting, {in_flight} in flight</title>'
    '<rect class="in-flight" x="{x}" y="{middle}" width="{width}" height="{low}"/>'
    '<rect class="waiting" x="{x}" y="{top}" width="{width}" height="{high}"/></g>'
)
_EMPTY = Markup('<text class="empty" x="{x}" y="{y}">{text}</text>')
_AREA = Markup('<path class="area" d="{line} V{base} H{x} Z"/>')
_LINE = Markup('<path class="{kind}" d="{line}"/>')


@dataclass(frozen=True)
class Size:
    """A chart's size in pixels, and the number of time labels that it has room for."""

    name: str
    width: int
    height: int
    time_labels: int


# The labels of a scaled drawing are unreadable on a narrow screen: the page has both, and shows one.
SIZES = (Size("wide", 1160, 210, 10), Size("narrow", 360, 180, 4))


@dataclass(frozen=True)
class _Frame:
    """The coordinates of times and numbers in a chart.

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
    def from_range(cls, size: Size, start: float, end: float, highest: int) -> "_Frame":
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

    def axes(self) -> Markup:
        """Returns lines and labels of both axes."""
        right, label = self.size.width - _RIGHT, self.left - 8
        numbers = [
            _NUMBER.format(left=self.left, right=right, y=self.y(number), at=label, number=f"{number:,}")
            for number in range(0, self.top + 1, self.step)
        ]
        below, label = self.base + 4, self.size.height - 6
        times = [
            _TIME.format(x=self.x(at), base=self.base, below=below, y=label, time=clock_time(at))
            for at in self._times()
        ]
        return _joined([*numbers, *times])

    def _times(self) -> Iterator[int]:
        minutes = (self.end - self.start) / MINUTE
        step = next((each for each in _TIME_STEPS if minutes / each <= self.size.time_labels), _TIME_STEPS[-1]) * MINUTE
        at = math.ceil(self.start / step) * step
        while at <= self.end:
            # A label at an edge would be cut off.
            if self.left <= self.x(at) <= self.size.width - 20:
                yield at
            at += step


def backlog_chart(points: Sequence[Point], start: float, now: float) -> Markup:
    """Draws the most requests that waited and that were in flight in each minute; in each of the sizes."""
    most = max(points, key=lambda point: point.waiting + point.in_flight, default=None)
    description = _NO_REQUEST
    if most is not None and most.waiting + most.in_flight:
        description = (
            f"From {clock_time(start)} to {clock_time(now)}. Maximum: {most.waiting:,} waiting and "
            f"{most.in_flight:,} in flight at {clock_time(most.minute)}. Last: {points[-1].waiting:,} waiting and "
            f"{points[-1].in_flight:,} in flight."
        )
    highest = 0 if most is None else most.waiting + most.in_flight
    return _joined(
        _chart(
            "backlog",
            "Backlog over time",
            description,
            frame,
            _joined(_bars(frame, points)) or _empty(frame, _NO_REQUEST),
        )
        for frame in (_Frame.from_range(size, start, now, highest) for size in SIZES)
    )


def instances_chart(points: Sequence[Point], start: float, now: float) -> Markup:
    """Draws the instances in service and the desired ones; in each of the sizes."""
    highest = max((max(point.instances, point.desired) for point in points), default=0)
    description = _NO_INSTANCE
    if highest:
        last = points[-1]
        description = (
            f"From {clock_time(start)} to {clock_time(now)}. Maximum: "
            f"{max(point.instances for point in points)} in service. Last: {last.instances} in service, "
            f"{last.desired} desired."
        )

    def lines(frame: _Frame) -> Markup:
        if not highest:
            return _empty(frame, _NO_INSTANCE)
        running = list(_steps(frame, points, [point.instances for point in points]))
        desired = list(_steps(frame, points, [point.desired for point in points]))
        return _joined(
            [
                *(_AREA.format(line=line, base=frame.base, x=x) for x, line in running),
                *(_LINE.format(kind="desired", line=line) for _, line in desired),
                *(_LINE.format(kind="running", line=line) for _, line in running),
            ]
        )

    return _joined(
        _chart("instances", "Instances over time", description, frame, lines(frame))
        for frame in (_Frame.from_range(size, start, now, highest) for size in SIZES)
    )


def clock_time(at: float) -> str:
    """Returns hours and minutes of a moment in epoch seconds, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M}"


def _chart(name: str, title: str, description: str, frame: _Frame, drawing: Markup) -> Markup:
    size = frame.size
    return _CHART.format(
        kind=size.name,
        id=f"{name}-{size.name}",
        width=size.width,
        height=size.height,
        title=title,
        description=description,
        axes=frame.axes(),
        drawing=drawing,
    )


def _empty(frame: _Frame, text: str) -> Markup:
    """Draws a text in the place of a chart without data."""
    return _EMPTY.format(x=frame.size.width // 2, y=(frame.base + _TOP) // 2, text=text)


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def _bars(frame: _Frame, points: Sequence[Point]) -> Iterator[Markup]:
    """Draws a bar for each minute that had requests: those in flight, and on them those that waited."""
    for point in points:
        if not point.waiting + point.in_flight:
            continue
        left, right = frame.x(point.minute), frame.x(min(point.minute + MINUTE, frame.end))
        width = max(1.0, right - left - (1.0 if right - left > _GAP_FROM_WIDTH else 0.0))
        middle, top = frame.y(point.in_flight), frame.y(point.waiting + point.in_flight)
        yield _BAR.format(
            time=clock_time(point.minute),
            waiting=f"{point.waiting:,}",
            in_flight=f"{point.in_flight:,}",
            x=left,
            width=round(width, 1),
            middle=middle,
            low=round(frame.base - middle, 1),
            top=top,
            high=round(middle - top, 1),
        )


def _steps(frame: _Frame, points: Sequence[Point], numbers: Sequence[int]) -> Iterator[tuple[float, str]]:
    """Yields the line of each unbroken stretch, and its left edge."""
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
    """Returns a step of 1, 2 or 5 times a power of ten that divides a number into five at most."""
    step = 1
    while highest / step > _MAX_NUMBERS:
        step *= 10
    for finer in (step // 5, step // 2):
        if finer and highest / finer <= _MAX_NUMBERS:
            return finer
    return step
