"""What a change does to the bill and the wait of a stage: both sides simulated with the same traffic."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.counted import counted
from async_endpoint.planner import (
    INSTANCES,
    PlanError,
    make_bill,
    read_plan_table,
    read_stage,
    simulate,
    unpriced_types,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from async_endpoint.planner import Bill, Outcome, PlanTable, Stage

HOW_TO_ADD = (
    "Bill and wait: not planned. Add a table [plan] to {name} with pattern or arrivals, service_seconds and "
    "start_seconds (docs/settings.md)."
)


@dataclass(frozen=True)
class PlannedSide:
    """One side of a change.

    Attributes:
        stage: As its templates have it.
        outcome: What was simulated.
        bill: Of the simulated time.
    """

    stage: Stage
    outcome: Outcome
    bill: Bill


@dataclass(frozen=True)
class BillChange:
    """Both sides of a change.

    Attributes:
        before: None for a new stage, or if it cannot be planned.
        after: None if it cannot be planned.
        options: With which traffic and times, as options of `async-endpoint plan`.
        notes: Sentences on what was assumed, is missing, or cannot be planned.
    """

    before: PlannedSide | None
    after: PlannedSide | None
    options: str
    notes: tuple[str, ...]


def compare_bills(base: Path | None, head: Path, file: Path, root: Path, today: date) -> BillChange | str:
    """Simulates a stage before and after a change; returns a sentence where nothing can be planned.

    Args:
        base: The cloud assembly before; None for a new stage.
        head: The cloud assembly after.
        file: The stage's file, whose table `[plan]` has the traffic.
        root: The folder to which paths in that table are relative.
        today: For the age of the prices.
    """
    try:
        table = read_plan_table(file, root)
    except PlanError as error:
        return f"Bill and wait: not planned. {error}"
    if table is None:
        return HOW_TO_ADD.format(name=file.name)
    old = None if base is None else _planned(base, table)
    new = _planned(head, table)
    before = old if isinstance(old, PlannedSide) else None
    after = new if isinstance(new, PlannedSide) else None
    if before is None and isinstance(new, str):
        return f"Bill and wait: not planned. {new}"
    sides = (("Before", old), ("After", new))
    failed = tuple(f"{name}: not planned. {each}" for name, each in sides if isinstance(each, str))
    assumed = (*_shared_notes(before, after, table), *_unpriced(before, after))
    return BillChange(before, after, table.options, (*failed, *assumed, *_date_notes(table, today)))


def _planned(assembly: Path, table: PlanTable) -> PlannedSide | str:
    """Returns a simulated side, or the sentence that says why it cannot be planned."""
    try:
        stage = read_stage(assembly)
        outcome = simulate(stage, table.traffic, table.conditions)
        bill = make_bill(stage, outcome, table.prices, region=table.price_region or stage.region)
    except PlanError as error:
        # The folder is a temporary one, of which nobody should read.
        text = str(error).removeprefix(f"{assembly}: ")
        return text[:1].upper() + text[1:]
    except Exception as error:  # noqa: BLE001 - a template that the planner cannot follow must not hide the diff
        return f"The plan failed with {type(error).__name__}: {error}."
    return PlannedSide(stage, outcome, bill)


def _shared_notes(before: PlannedSide | None, after: PlannedSide | None, table: PlanTable) -> Iterator[str]:
    if before and after and before.stage.instance_type != after.stage.instance_type:
        yield (
            "The instance type changes, and both sides have the same service_seconds, start_seconds and concurrency: "
            "measure them on the new type before you trust the wait."
        )
    yield from _by_side(*(None if side is None else list(_notes(side, table)) for side in (before, after)))


def _notes(side: PlannedSide, table: PlanTable) -> Iterator[str]:
    outcome, concurrency = side.outcome, side.stage.concurrency
    if table.conditions.concurrency is None and (concurrency or 1) > 1:
        yield (
            f"Each instance was taken to process {concurrency} requests at a time, as the template lets it: if the "
            "model processes fewer, cost and waits are too low. Set concurrency in [plan]."
        )
    if not side.bill.is_complete:
        yield f"No price for {side.bill.not_priced[0]}. Set price_region or prices in [plan]."
    if missing := [line.name for line in side.bill.lines if line.price is None and line.name != INSTANCES]:
        yield f"No price for {', '.join(missing)}."
    if table.price_region and side.stage.region and table.price_region != side.stage.region:
        yield f"The stage is in {side.stage.region}, and instances have the prices of {table.price_region}."
    yield from side.bill.notes
    if outcome.unfinished:
        yield f"{counted(outcome.unfinished, 'request')} still waited at the end; the waits are those of the others."
    if outcome.cut_off:
        yield f"{counted(outcome.cut_off, 'request')} ran for more than 30 s when the instance was taken out."
    if outcome.unknown_metrics:
        yield f"Scaling reads metrics that are not simulated: {', '.join(outcome.unknown_metrics)}."


def _by_side(before: list[str] | None, after: list[str] | None) -> Iterator[str]:
    """Yields the notes of both sides: those that both have once, the others with their side."""
    if before is None or after is None:
        yield from before or after or ()
        return
    yield from (note for note in after if note in before)
    yield from (f"Before: {note}" for note in before if note not in after)
    yield from (f"After: {note}" for note in after if note not in before)


def _unpriced(before: PlannedSide | None, after: PlannedSide | None) -> Iterator[str]:
    """Yields what is not priced, by the types of resources; apart those of which there are more or fewer."""
    old, new = (Counter(side.stage.template.types() if side else ()) for side in (before, after))
    missing = unpriced_types(old) | unpriced_types(new)
    changed = {kind for kind in missing if before and after and old[kind] != new[kind]}
    if changed:
        counted = (f"{kind} ({missing[kind]}): {old[kind]} → {new[kind]}" for kind in sorted(changed))
        yield f"Not priced, and changed: {'; '.join(counted)}."
    if same := sorted(missing.keys() - changed):
        yield f"Not priced: {'; '.join(f'{kind} ({missing[kind]})' for kind in same)}."


def _date_notes(table: PlanTable, today: date) -> Iterator[str]:
    yield f"{table.prices.describe_dates()}; a month has 30 days. Simulated: nothing was measured on AWS."
    if warning := table.prices.warning(today):
        yield warning
