"""The output of `async-endpoint plan`: a table with a column for each stage, or JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from async_endpoint.counted import counted
from async_endpoint.operations.plan_report.texts import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from async_endpoint.planner import Bill, Outcome, PriceTable, Stage

_PERCENTS = (50, 95, 99)
_HOUR = 3_600


@dataclass(frozen=True)
class Plan:
    """A simulated stage and its bill.

    Attributes:
        name: What the user called it.
        stage: As its templates have it.
        outcome: What was simulated.
        bill: Of the simulated time.
        concurrency: Requests at a time on each instance that were assumed from the template; None if the user chose.
    """

    name: str
    stage: Stage
    outcome: Outcome
    bill: Bill
    concurrency: int | None = None


def as_table(plans: list[Plan], prices: PriceTable) -> Iterator[str]:
    """Yields the lines of the table, and what is to be known of it."""
    rows = table_rows(plans)
    names = max(len(label) for label, _ in rows)
    widths = [max(len(row[index]) for _, row in rows) for index in range(len(plans))]
    for label, row in rows:
        cells = "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"{label:<{names}}  {cells}"
    yield ""
    yield from notes(plans)
    yield f"{prices.describe_dates()}; a month has 30 days. Simulated: nothing was measured on AWS."


def table_rows(plans: Sequence[Plan]) -> list[tuple[str, list[str]]]:
    """Returns the rows of the table: a label, and a cell for each plan; the first row has their names."""
    waits = [plan.outcome.wait_percentiles(*_PERCENTS) for plan in plans]
    rows = [("", [plan.name for plan in plans])]
    rows += [(label, [value(plan) for plan in plans]) for label, value in _ROWS]
    rows[-len(_AFTER_WAITS) : -len(_AFTER_WAITS)] = [
        (f"wait p{percent}", [duration(each[index]) for each in waits]) for index, percent in enumerate(_PERCENTS)
    ]
    return rows


def as_json(plans: list[Plan], prices: PriceTable) -> str:
    """Returns the plans as one JSON object."""
    found = {**price_dates(prices), "plans": [plan_json(plan) for plan in plans]}
    return json.dumps(found, indent=2)


def price_dates(prices: PriceTable) -> dict[str, str]:
    """Returns from when the prices are, as members of a JSON object."""
    usage = {} if prices.usage_dated is None else {"usage_prices_dated": prices.usage_dated.isoformat()}
    return {"prices_dated": prices.dated.isoformat(), **usage}


def total_of(bill: Bill) -> str:
    """Returns the dollars of a month, and whether those of instances are missing."""
    return f"{'' if bill.is_complete else 'without instances '}{bill.total:,.2f}"


def _instances(plan: Plan) -> str:
    usd = plan.bill.instances
    return "no price" if usd is None else f"{usd:,.2f}"


def _asleep(plan: Plan) -> str:
    return f"{plan.outcome.asleep_seconds / plan.outcome.seconds:.0%}"


def _hours(plan: Plan) -> str:
    return f"{next(line.quantity for line in plan.bill.lines):,.1f}"


_BEFORE_WAITS: tuple[tuple[str, Callable[[Plan], str]], ...] = (
    ("instance type", lambda plan: plan.stage.instance_type),
    ("USD a month", lambda plan: total_of(plan.bill)),
    ("  of which instances", _instances),
    ("instance hours a month", _hours),
    ("time at zero", _asleep),
    ("simulated days", lambda plan: f"{plan.outcome.seconds / (24 * _HOUR):g}"),
    ("requests", lambda plan: f"{plan.outcome.requests:,}"),
)
_AFTER_WAITS: tuple[tuple[str, Callable[[Plan], str]], ...] = (
    ("expired", lambda plan: f"{plan.outcome.expired:,}"),
    ("wakes", lambda plan: f"{plan.outcome.wakes:,}"),
    ("longest wake", lambda plan: duration(plan.outcome.longest_wake)),
)
_ROWS = (*_BEFORE_WAITS, *_AFTER_WAITS)


def notes(plans: Sequence[Plan]) -> Iterator[str]:
    """Yields what is to be known of the table, in sentences."""
    for plan in plans:
        yield from (f"{plan.name}: {note}" if len(plans) > 1 else note for note in notes_of(plan))


def notes_of(plan: Plan) -> Iterator[str]:
    """Yields what is to be known of a plan's numbers."""
    yield from concurrency_notes(plan.concurrency)
    if plan.bill.not_priced:
        yield f"Not in the sum: {'; '.join(plan.bill.not_priced)}."
    yield from plan.bill.notes
    yield from outcome_notes(plan.outcome)


def concurrency_notes(assumed: int | None) -> Iterator[str]:
    """Yields that a concurrency was assumed from the template; None if the user chose it."""
    if (assumed or 1) > 1:
        yield (
            f"Each instance was taken to process {assumed} requests at a time, as the template lets it: if the model "
            "processes fewer, cost and waits are too low. Give --concurrency."
        )


def outcome_notes(outcome: Outcome) -> Iterator[str]:
    """Yields what a simulation left open, or could not follow."""
    if outcome.unfinished:
        yield f"{counted(outcome.unfinished, 'request')} still waited at the end; the waits are those of the others."
    if outcome.cut_off:
        yield (
            f"{counted(outcome.cut_off, 'request')} ran for more than 30 s when the instance was taken out: AWS may "
            "end such a request and process it again."
        )
    if outcome.unknown_metrics:
        yield f"Scaling reads metrics that are not simulated: {', '.join(outcome.unknown_metrics)}."


def plan_json(plan: Plan) -> dict[str, Any]:
    """Returns a plan as a JSON object."""
    outcome, bill = plan.outcome, plan.bill
    waits = outcome.wait_percentiles(*_PERCENTS)
    return {
        "template": plan.name,
        "endpoint": plan.stage.endpoint_name,
        "region": plan.stage.region,
        "instance_type": plan.stage.instance_type,
        "simulated_seconds": outcome.seconds,
        "usd_a_month": round(bill.total, 4),
        "usd_is_complete": bill.is_complete,
        "bill": [
            {
                "name": line.name,
                "quantity": round(line.quantity, 3),
                "usd": None if line.usd is None else round(line.usd, 4),
                "usage_type": line.price.usage_type if line.price else None,
                "source": line.price.source if line.price else None,
                "quality": line.price.quality if line.price else None,
            }
            for line in bill.lines
        ],
        "assumed_concurrency": plan.concurrency,
        "not_priced": list(bill.not_priced),
        "notes": list(bill.notes),
        "instance_hours": round(outcome.instance_hours, 3),
        "asleep_seconds": round(outcome.asleep_seconds, 3),
        "requests": outcome.requests,
        "processed": outcome.processed,
        "expired": outcome.expired,
        "unfinished": outcome.unfinished,
        "cut_off": outcome.cut_off,
        "wakes": outcome.wakes,
        "longest_wake_seconds": round(outcome.longest_wake, 3),
        "wait_seconds": {
            f"p{percent}": None if math.isnan(each) else round(each, 3)
            for percent, each in zip(_PERCENTS, waits, strict=True)
        },
        "unknown_metrics": list(outcome.unknown_metrics),
    }
