"""The files of `async-endpoint plan`: the page of `--report` and the picture of `--plot`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from async_endpoint.cli.output_file import check_output_file, library_of, writing
from async_endpoint.cli.plan_text import Plan, notes, table_rows
from async_endpoint.counted import counted
from async_endpoint.operations.plan_report.axes import Calendar
from async_endpoint.planner import Conditions, History, PriceTable

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

Writer = Callable[[Sequence[Plan], Sequence[History], Conditions, PriceTable], None]
"""Writes a file of plans: what happened in each of them, with what they were simulated, the prices of their bills."""

# What says where and how to write is no part of the plan: the same plan has the same page.
_NOT_PLANNED = {"report", "plot", "json_output"}
_HEAD_BYTES = 1_024  # of a page, with its mark


@dataclass(frozen=True)
class PlanFiles:
    """What `--report` and `--plot` ask for; `prepared` returns it.

    Attributes:
        writers: One for each file.
    """

    writers: tuple[Writer, ...]

    @classmethod
    def prepared(cls, report: Path | None, plot: Path | None) -> PlanFiles:
        """Returns what writes these files; what is wrong with them is found before anything is simulated.

        Raises:
            click.UsageError: A name has another suffix or no folder, or the report would replace another page.
            click.ClickException: A library is missing.
        """
        pages = () if report is None else (_page_writer(report),)
        pictures = () if plot is None else (_picture_writer(plot),)
        return cls((*pages, *pictures))

    def write(
        self, plans: Sequence[Plan], histories: Sequence[History], conditions: Conditions, prices: PriceTable
    ) -> None:
        """Writes the files.

        Raises:
            click.ClickException: One cannot be written.
        """
        for writer in self.writers:
            writer(plans, histories, conditions, prices)


def _page_writer(file: Path) -> Writer:
    check_output_file("--report", file, ".html", "a page of HTML")
    with library_of("--report", "jinja2", extra="report"):
        from async_endpoint.operations.plan_report import page  # noqa: PLC0415 - only --report needs jinja2
    if (head := _head(file)) and page.MARK.encode() not in head:
        raise click.UsageError(f"{file} exists and is no report of this command: name another file, or remove it.")

    def write(plans: Sequence[Plan], histories: Sequence[History], conditions: Conditions, prices: PriceTable) -> None:
        stages = [
            page.StageReport(plan.name, plan.stage, plan.outcome, plan.bill, history)
            for plan, history in zip(plans, histories, strict=True)
        ]
        calendar = Calendar.from_history(histories[0])
        report = page.Report(
            command=_command(click.get_current_context()),
            facts=_facts(click.get_current_context().params, histories[0], conditions, prices),
            table=table_rows(plans),
            notes=[*notes(plans)],
            stages=stages,
            calendar=calendar,
        )
        text = page.render(report)
        with writing(f"The report {file}", file) as stream:
            stream.write(text.encode())

    return write


def _picture_writer(file: Path) -> Writer:
    check_output_file("--plot", file, ".png", "a PNG")
    with library_of("--plot", "matplotlib", extra="plot"):
        from async_endpoint.operations.plan_report.picture import draw_plan  # noqa: PLC0415 - only --plot needs it

    def write(plans: Sequence[Plan], histories: Sequence[History], _: Conditions, __: PriceTable) -> None:
        named = [(plan.name, history) for plan, history in zip(plans, histories, strict=True)]
        with writing(f"The plot {file}", file) as stream:
            draw_plan(stream, named, Calendar.from_history(histories[0]))

    return write


def _head(file: Path) -> bytes:
    """Returns the beginning of a file; empty without a file."""
    try:
        with file.open("rb") as stream:
            return stream.read(_HEAD_BYTES)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise click.UsageError(f"The report {file} cannot be read: {error.strerror}.") from error


def _command(context: click.Context) -> str:
    """Returns the command with what was given of it, but for files that it writes."""
    words = ["async-endpoint", "plan"]
    for each in context.command.params:
        name = each.name or ""
        if name in _NOT_PLANNED or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params.get(name)
        values = value if isinstance(value, tuple) else (value,)
        if isinstance(each, click.Argument):
            words += map(str, values)
        elif isinstance(each, click.Option) and each.is_flag:
            words.append(each.opts[0])
        else:
            words += [word for given in values for word in (each.opts[0], str(given))]
    return shlex.join(words)


def _facts(
    given: dict[str, Any], history: History, conditions: Conditions, prices: PriceTable
) -> list[tuple[str, str]]:
    """Returns with what was planned, as labels and values."""
    calendar = Calendar.from_history(history)
    hourly, region = given["instance_price"], given["price_region"]
    instances = f"instances of {region or 'the region of the template'}"
    if hourly is not None:
        instances = f"USD {hourly:g} for an hour of an instance"
    return [
        ("Traffic", given["pattern"] or str(given["arrivals"])),
        (
            "Simulated",
            f"{calendar.days(history.seconds)}; {counted(len(history.arrivals), 'request')}; all times are UTC",
        ),
        ("A request is processed in", _seconds(" and ".join(given["service_texts"]))),
        ("An instance starts in", _seconds(given["start_seconds"])),
        ("Requests that an instance processes at a time", str(given["concurrency"] or "those of the template")),
        (
            "Metrics reach CloudWatch after",
            f"{_seconds(given['metric_delay'])}; {conditions.metric_gaps:.0%} of them never do",
        ),
        ("Seed of random moments and durations", str(given["seed"])),
        ("Prices", f"{prices.describe_dates()}, {instances}; a month has 30 days"),
    ]


def _seconds(text: str) -> str:
    return "1 second" if text == "1" else f"{text} seconds"
