"""The page of a plan: one file of HTML without scripts, which loads nothing.

The same plan gives the same bytes: no moment of the real world is on the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from async_endpoint.operations.plan_report import texts
from async_endpoint.operations.plan_report.shares import ranges, shares_chart
from async_endpoint.operations.plan_report.time_charts import panels_of, time_charts
from async_endpoint.planner.traffic import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

    from async_endpoint.operations.plan_report.axes import Calendar
    from async_endpoint.planner import Bill, Bucket, History, Outcome, Stage

MARK = '<meta name="generator" content="async-endpoint plan">'
"""What is in the head of every page."""

_MOST_DAYS = 62  # of a table; a longer simulation has weeks
_HOUR = 3_600
# Control characters but tab and line feed have no place in HTML, nor have halves of surrogate pairs.
_NOT_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class StageReport:
    """A stage of a report.

    Attributes:
        name: What the user called it.
        stage: As its templates have it.
        outcome: What was simulated.
        bill: Of the simulated time.
        history: What happened over time.
    """

    name: str
    stage: Stage
    outcome: Outcome
    bill: Bill
    history: History


@dataclass(frozen=True)
class Report:
    """What a page is about.

    Attributes:
        command: The command that printed the same.
        facts: What was planned with: label and value.
        table: The command's table: each row's label and its cells, the first row with the names of the stages.
        notes: The sentences below the table.
        stages: The stages, in the order of the table's columns.
        calendar: The names of their moments.
    """

    command: str
    facts: Sequence[tuple[str, str]]
    table: Sequence[tuple[str, Sequence[str]]]
    notes: Sequence[str]
    stages: Sequence[StageReport]
    calendar: Calendar


@dataclass(frozen=True)
class _Span:
    """A span of a stage as the page has it.

    Attributes:
        heading: Which one.
        charts: By kind.
        width: Of a bucket of the charts, in words.
        period: What a row of the table is.
        rows: The table's cells.
    """

    heading: str
    charts: dict[str, Markup]
    width: str
    period: str
    rows: list[tuple[str, ...]]


@dataclass(frozen=True)
class _StagePage:
    """A stage as the page has it."""

    report: StageReport
    spans: list[_Span]
    shares: Markup
    waits: list[tuple[str, int, float]]


def render(report: Report) -> str:
    """Returns the page."""
    ordered = [sorted(each.outcome.waits) for each in report.stages]
    longest = max((waits[-1] for waits in ordered if waits), default=0.0)
    stages = [
        _StagePage(each, _spans(each, report.calendar, f"s{number}"), shares_chart(waits, longest, f"s{number}"),
                   _waits(waits, each.outcome))
        for number, (each, waits) in enumerate(zip(report.stages, ordered, strict=True), start=1)
    ]  # fmt: skip
    return _ENVIRONMENT.get_template("report.html").render(report=report, stages=stages, mark=MARK)


def _spans(stage: StageReport, calendar: Calendar, name: str) -> list[_Span]:
    """Returns the whole simulation and its busiest day, unless it has but one."""
    history = stage.history
    day = history.busiest_day()
    (busiest,) = history.buckets(day, min(day + DAY, history.seconds), DAY)
    heading = f"The busiest day: {calendar.day(day)}, {_counted(busiest.arrived)}"
    hours = _span(history, calendar, busiest, name=f"{name}-day", heading=heading, period=(_HOUR, "hour from"))
    if history.seconds <= DAY:
        return [hours]
    (whole,) = history.buckets(0.0, history.seconds, history.seconds)
    heading = f"{calendar.days(history.seconds)}, {_counted(whole.arrived)}"
    period = (DAY, "day") if history.seconds <= _MOST_DAYS * DAY else (7 * DAY, "week from")
    return [_span(history, calendar, whole, name=f"{name}-all", heading=heading, period=period), hours]


def _span(
    history: History, calendar: Calendar, span: Bucket, *, name: str, heading: str, period: tuple[int, str]
) -> _Span:
    seconds, noun = period
    label = calendar.day if seconds >= DAY else calendar.clock
    periods = list(history.buckets(span.begin, span.end, seconds))
    rows = [(label(each.begin), *_cells(each, calendar, with_day=seconds > DAY)) for each in periods]
    hovers = [(each, _hover(row)) for each, row in zip(periods, rows, strict=True)]
    panels, width = panels_of(history, calendar, span.begin, span.end)
    charts = time_charts(panels, calendar, (span.begin, span.end), name, hovers)
    return _Span(heading, charts, texts.width(width), noun, rows)


def _cells(bucket: Bucket, calendar: Calendar, *, with_day: bool) -> Iterator[str]:
    at = calendar.moment(bucket.most_waiting_at) if with_day else calendar.clock(bucket.most_waiting_at)
    yield f"{bucket.arrived:,}"
    yield f"{bucket.most_waiting:,}"
    yield at if bucket.most_waiting else "-"
    yield f"{bucket.most_in_service:,}"
    yield texts.duration(bucket.p50)
    yield texts.duration(bucket.p95)


def _hover(row: Sequence[str]) -> str:
    name, arrived, waiting, at, serving, p50, p95 = row
    peak = f"{waiting} waiting at {at}" if at != "-" else "none waiting"
    arrivals = "1 request arrives" if arrived == "1" else f"{arrived} requests arrive"
    return f"{name}\n{arrivals}\nat most {peak}\nat most {serving} in service\nwait p50 {p50}, p95 {p95}"


def _waits(ordered: Sequence[float], outcome: Outcome) -> list[tuple[str, int, float]]:
    """Returns how many requests waited how long, those without an instance too, and their share of all in percent."""
    found = [*ranges(ordered), ("expired", outcome.expired), ("still waiting at the end", outcome.unfinished)]
    return [(name, count, 100 * count / (outcome.requests or 1)) for name, count in found]


def _counted(requests: int) -> str:
    return f"{requests:,} request" + ("" if requests == 1 else "s")


def _showable(value: object) -> object:
    """Returns a text with replacement characters for what no page can show; anything else, and markup, as it is."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return _NOT_SHOWN.sub("\N{REPLACEMENT CHARACTER}", value)
    return value


_ENVIRONMENT = Environment(
    loader=PackageLoader("async_endpoint.operations.plan_report"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_showable,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {"quantity": texts.quantity, "usd": texts.usd}
