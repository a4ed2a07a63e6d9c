"""`async-endpoint jobs --cost`: what jobs cost, in instance seconds and in dollars."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError

from async_endpoint.cli.aws_session import reading_session
from async_endpoint.cli.option_group import option_group
from async_endpoint.cli.workflow_options import errors_as_sentences
from async_endpoint.counted import counted
from async_endpoint.operations.jobs.cost import Cost, Period, cost_of
from async_endpoint.operations.jobs.instance_seconds import MINUTE, read_measurements
from async_endpoint.operations.jobs.workflow import endpoint_stack_name
from async_endpoint.operations.stack_outputs import StackError, read_outputs
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from async_endpoint.client import JobsTableReader
    from async_endpoint.protocol import JobRecord

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_DECEMBER = 12


@dataclass(frozen=True)
class CostOptions:
    """The options of `--cost`; `price` is in USD for an hour of one instance."""

    since: str | None
    month: str | None
    price: float | None
    endpoint: str | None


cost_options = option_group(
    "options",
    CostOptions,
    click.option("--since", metavar="WHEN", help="With --cost: since 1d, 6h, 30m, or 2026-01-31.  [default: 1d]"),
    click.option("--month", metavar="YYYY-MM", help="With --cost: this month, in UTC."),
    click.option(
        "--instance-price",
        "price",
        type=click.FloatRange(min=0),
        metavar="USD",
        help="With --cost: the price of one instance for an hour.",
    ),
    click.option("--endpoint", metavar="NAME", help="With --cost: the endpoint, where --stage does not name it."),
)
"""Adds the options of `--cost`."""


def period_of(options: CostOptions, now: datetime) -> Period:
    """Returns the period that the options name, in whole minutes, until now at the latest; a day without either.

    Raises:
        click.UsageError: Both are given, one is neither an age nor a date, or the period is not over a minute old.
    """
    if options.since and options.month:
        raise click.UsageError("--since and --month both name the period: give one of them.")
    end = now
    try:
        if options.month:
            begin = datetime.strptime(options.month, "%Y-%m").replace(tzinfo=UTC)
            following = (begin.year + 1, 1) if begin.month == _DECEMBER else (begin.year, begin.month + 1)
            end = min(now, datetime(*following, 1, tzinfo=UTC))
        elif age := re.fullmatch(r"(\d{1,5})([dhm])", options.since or "1d"):
            begin = now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        else:
            begin = datetime.strptime(options.since or "", "%Y-%m-%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise click.UsageError("Give --since as 1d, 6h, 30m or 2026-01-31, or --month as 2026-01.") from error
    period = Period(*(int(moment.timestamp()) // MINUTE * MINUTE for moment in (begin, end)))
    if period.begin >= period.end:
        raise click.UsageError("The period has not begun: name an earlier one by --since or --month.")
    return period


def endpoint_of(name: str | None, stack: str | None, stage: str | None) -> str:
    """Returns the endpoint that the options name, by itself or by the output `EndpointName` of a stack.

    Raises:
        click.UsageError: None is named.
        click.ClickException: The stack cannot be read.
    """
    if name:
        return name
    source = endpoint_stack_name(stage) if stage else stack
    if source:
        try:
            found = read_outputs(reading_session().client("cloudformation"), [source]).get("EndpointName")
        except (StackError, BotoCoreError) as error:
            raise click.ClickException(str(error)) from error
        if found:
            return found
    raise click.UsageError("--cost needs the endpoint: name it by --endpoint, or the stage by --stage.")


def read_cost(table: JobsTableReader, endpoint: str, period: Period, now: datetime) -> tuple[Cost, list[JobRecord]]:
    """Returns the cost of a period, and the jobs with a share, newest first.

    Raises:
        click.ClickException: The request to AWS failed.
    """
    with errors_as_sentences():
        measured = list(read_measurements(reading_session().client("cloudwatch"), endpoint, period, now))
        jobs = {record.job_id: record for record in jobs_since(table, period.begin)}
    cost = cost_of(period, measured, jobs.values())
    charged = sorted(
        (jobs[job] for job in cost.shares), key=lambda record: (record.updated_at or "", record.job_id), reverse=True
    )
    return cost, charged


def jobs_since(table: JobsTableReader, begin: int) -> Iterator[JobRecord]:
    """Yields the jobs that reached their state since then, and all that are at the endpoint."""
    for state in JobState:
        for record in table.list(state):
            at = record.updated_at
            if state is not JobState.SUBMITTED and (at is None or datetime.fromisoformat(at).timestamp() < begin):
                break  # newest first
            yield record


def cost_lines(
    cost: Cost, listed: list[JobRecord], period: Period, price: float | None, *, as_json: bool
) -> Iterator[str]:
    """Yields a line for each listed job and the sum, for people or as JSON."""
    if as_json:
        for record in listed:
            seconds = cost.shares[record.job_id]
            yield json.dumps({"job_id": record.job_id, "instance_seconds": seconds, "usd": _usd(seconds, price)})
        yield json.dumps(
            {
                "from": _text(period.begin),
                "until": _text(period.end),
                "instance_seconds": cost.total,
                "usd": _usd(cost.total, price),
                "jobs": len(cost.shares),
                "attempts": cost.attempts,
                "average_instance_seconds": cost.average,
                "unassigned_instance_seconds": cost.unassigned,
                "idle_instance_seconds": cost.idle,
                "covered": cost.covered,
            }
        )
        return
    for record in listed:
        yield f"{_amount(cost.shares[record.job_id], price):>24}  {record.state:<9}  {record.job_id}"
    yield f"from {_text(period.begin)} until {_text(period.end)}"
    counts = f"{counted(len(cost.shares), 'job')}, {counted(cost.attempts, 'attempt')}"
    yield f"sum         {_amount(cost.total, price)}, {counts}"
    if cost.average is not None:
        yield f"average     {_amount(cost.average, price)} for each document"
    if cost.total:
        yield f"idle        {cost.idle / cost.total:.0%} of the sum: no job was at the endpoint"
    if cost.unassigned:
        yield f"unassigned  {_amount(cost.unassigned, price)}: no job ended while these instances ran"
    yield f"measured    {cost.covered:.1%} of the period; in the rest instances slept, or did not report: not counted"
    if price is None:
        yield "For dollars, give the price of one instance for an hour in USD by --instance-price."


def _usd(seconds: float, price: float | None) -> float | None:
    return None if price is None else round(seconds * price / 3600, 6)


def _amount(seconds: float, price: float | None) -> str:
    usd = _usd(seconds, price)
    return f"{seconds:,.0f} s" + ("" if usd is None else f" {usd:,.4f} USD")


def _text(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%MZ")
