"""Where times and numbers are in a chart of SVG, and what is drawn there.

The charts of the local AWS's pages look alike, but have the minutes of a clock below, and belong to the extra `local`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from async_endpoint.operations.plan_report.lines import Step, path_of, stretches
from async_endpoint.planner.traffic import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from async_endpoint.operations.plan_report.axes import Calendar, NumberAxis

_TOP, _BOTTOM, _RIGHT = 12, 24, 16
_LETTER, _MARGIN = 7, 16  # pixels of a label, and beside it

_CHART = Markup(
    '<svg class="chart {size}" role="img" viewBox="0 0 {width} {height}" aria-labelledby="{id}-title {id}-desc">'
    '<title id="{id}-title">{title}</title><desc id="{id}-desc">{text}</desc>{drawing}</svg>\n'
)
_NUMBER = Markup(
    '<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
    '<text class="number" x="{at}" y="{y}" dy="4">{label}</text>'
)
_TICK = Markup(
    '<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{below}"/><text class="time" x="{at}" y="{y}">{label}</text>'
)
_BAND = Markup('<rect class="band" x="{x}" y="{top}" width="{width}" height="{height}"/>')
_HOVER = Markup('<rect class="hover" x="{x}" y="{top}" width="{width}" height="{height}"><title>{text}</title></rect>')
_AREA = Markup('<path class="area {kind}" d="{line}V{base}H{x:g}Z"/>')
_LINE = Markup('<path class="line {kind}" d="{line}"/>')
_BARS = Markup('<path class="bars {kind}" d="{line}"/>')
_EMPTY = Markup('<text class="empty" x="{x}" y="{y}">{text}</text>')


@dataclass(frozen=True)
class Size:
    """A chart's size in pixels, and how many labels of times it has room for."""

    name: str
    width: int
    height: int
    times: int


# The labels of a scaled drawing are unreadable on a narrow screen: the page has both, and shows one.
WIDE = Size("wide", 1160, 190, 12)
NARROW = Size("narrow", 340, 170, 4)


@dataclass(frozen=True)
class Frame:
    """The coordinates of a chart.

    Attributes:
        size: The chart's.
        left: Where the axis of times begins, in pixels.
        begin: The moment there.
        end: The moment at the right edge.
        numbers: The axis at the side.
    """

    size: Size
    left: int
    begin: float
    end: float
    numbers: NumberAxis

    @property
    def base(self) -> int:
        """The y of zero."""
        return self.size.height - _BOTTOM

    @property
    def right(self) -> int:
        """The x of the end."""
        return self.size.width - _RIGHT

    def x(self, at: float) -> float:
        """Returns the x of a moment."""
        return round(self.left + (at - self.begin) / (self.end - self.begin) * (self.right - self.left), 1)

    def y(self, number: float) -> float:
        """Returns the y of a number."""
        return round(self.base - number / self.numbers.top * (self.base - _TOP), 1)

    def number_axis(self) -> Markup:
        """Draws the axis at the side."""
        return joined(
            _NUMBER.format(left=self.left, right=self.right, y=self.y(number), at=self.left - 8, label=label)
            for number, label in self.numbers.labels()
        )

    def time_axis(self, calendar: Calendar) -> Markup:
        """Draws the axis of times, and weekends as bands."""
        days = range(int(self.begin), int(self.end), DAY) if self.end - self.begin > DAY else ()
        bands = [self._rect(_BAND, day, day + DAY) for day in days if calendar.is_weekend(day)]
        ticks = calendar.ticks(self.begin, self.end, self.size.times)
        return joined([*bands, *(self.tick(at, label) for at, label in ticks)])

    def tick(self, at: float, label: str) -> Markup:
        """Draws one labelled moment."""
        x = self.x(at)
        inside = min(x, self.size.width - _LETTER * len(label) / 2)  # the edge would cut it off
        return _TICK.format(x=x, at=inside, top=_TOP, below=self.base + 4, y=self.size.height - 6, label=label)

    def hover(self, begin: float, end: float, text: str) -> Markup:
        """Draws nothing but a text that the pointer finds on a span."""
        return self._rect(_HOVER, begin, end, text=text)

    def lines(self, kind: str, steps: Sequence[Step], *, area: bool) -> Markup:
        """Draws unbroken steps as a line, and the area below it."""
        line = path_of(steps, self.x, self.y)
        below = _AREA.format(kind=kind, line=line, base=self.base, x=self.x(steps[0][0])) if area else Markup("")
        return below + _LINE.format(kind=kind, line=line)

    def bars(self, kind: str, steps: Iterable[Step]) -> Markup:
        """Draws steps as areas with an outline, which shows even one that is alone and narrow."""
        closed = (
            f"{path_of(stretch, self.x, self.y)}V{self.base}H{self.x(stretch[0][0]):g}Z" for stretch in stretches(steps)
        )
        return _BARS.format(kind=kind, line="".join(closed))

    def empty(self, text: str) -> Markup:
        """Draws a text where a line would be."""
        return _EMPTY.format(x=(self.left + self.right) // 2, y=(self.base + _TOP) // 2, text=text)

    def chart(self, name: str, title: str, text: str, drawing: Iterable[Markup]) -> Markup:
        """Returns the chart of what is drawn, with its text alternative; the name is that of no other on the page."""
        size = self.size
        return _CHART.format(
            size=size.name,
            width=size.width,
            height=size.height,
            id=f"{name}-{size.name}",
            title=title,
            text=text,
            drawing=joined(drawing),
        )

    def _rect(self, rect: Markup, begin: float, end: float, **values: str) -> Markup:
        x = self.x(begin)
        width = round(self.x(min(end, self.end)) - x, 1)
        return rect.format(x=x, top=_TOP, width=width, height=self.base - _TOP, **values)


def left_of(*axes: NumberAxis) -> int:
    """Returns where an axis of times begins that has room for the labels of these axes."""
    return _MARGIN + _LETTER * max(len(label) for axis in axes for _, label in axis.labels())


def joined(parts: Iterable[Markup]) -> Markup:
    """Returns what is drawn one after another."""
    return Markup("").join(parts)
