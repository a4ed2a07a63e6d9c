"""The bill and the wait in the output of `async-endpoint diff`: a table of before and after, as text or Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.operations.plan_report.texts import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from async_endpoint.operations.diff.bill import BillChange, PlannedSide

_HEADING = "Bill and wait"
_PERCENTS = (50, 95)
_COLUMNS = ("", "before", "after", "change")


def bill_as_text(found: BillChange | str) -> Iterator[str]:
    """Yields the lines of a table, and below it what is to be known of it; or the one sentence."""
    if isinstance(found, str):
        yield found
        return
    yield f"{_HEADING} with {found.options}:"
    rows = [_COLUMNS, *_rows(found)]
    names, *widths = (max(len(row[column]) for row in rows) for column in range(len(_COLUMNS)))
    for name, *cells in rows:
        aligned = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        yield f"  {name:<{names}}  {aligned}".rstrip()
    yield from (f"  {note}" for note in found.notes)


def bill_as_markdown(found: BillChange | str) -> Iterator[str]:
    """Yields the same for a comment on a pull request."""
    if isinstance(found, str):
        yield f"\n{found}"
        return
    yield f"\n**{_HEADING}** with `{found.options}`\n"
    yield f"| {' | '.join(_COLUMNS).strip()} |\n|---|---:|---:|---:|"
    for row in _rows(found):
        yield f"| {' | '.join(row)} |"
    yield ""
    yield from (f"- {note}" for note in found.notes)


def _rows(found: BillChange) -> Iterator[tuple[str, str, str, str]]:
    for label, value in _TEXTS:
        yield label, *_cells(found, value), ""
        if label == _TYPE:
            yield from _usd_rows(found)


def _usd_rows(found: BillChange) -> Iterator[tuple[str, str, str, str]]:
    for label, usd in _DOLLARS:
        old, new = (None if side is None else usd(side) for side in (found.before, found.after))
        change = f"{new - old:+,.2f}" if old is not None and new is not None else ""
        if not all(side is None or side.bill.is_complete for side in (found.before, found.after)):
            change = ""
        yield label, *_cells(found, lambda side, usd=usd: _dollars(side, usd(side))), change  # type: ignore[misc]


def _cells(found: BillChange, value: Callable[[PlannedSide], str]) -> tuple[str, str]:
    before, after = ("–" if side is None else value(side) for side in (found.before, found.after))  # noqa: RUF001
    return before, after


def _dollars(side: PlannedSide, usd: float | None) -> str:
    if usd is None:
        return "no price"
    return f"{usd:,.2f}" if side.bill.is_complete else f"without instances {usd:,.2f}"


def _wait(percent: int) -> Callable[[PlannedSide], str]:
    return lambda side: duration(side.outcome.wait_percentiles(percent)[0])


_TYPE = "instance type"
_DOLLARS: tuple[tuple[str, Callable[[PlannedSide], float | None]], ...] = (
    ("USD a month", lambda side: side.bill.total),
    ("of which instances", lambda side: side.bill.instances),
)
_TEXTS: tuple[tuple[str, Callable[[PlannedSide], str]], ...] = (
    (_TYPE, lambda side: side.stage.instance_type),
    ("requests", lambda side: f"{side.outcome.requests:,}"),
    *((f"wait p{percent}", _wait(percent)) for percent in _PERCENTS),
    ("expired", lambda side: f"{side.outcome.expired:,}"),
    ("wakes", lambda side: f"{side.outcome.wakes:,}"),
    ("longest wake", lambda side: duration(side.outcome.longest_wake)),
)
