"""A small plan, and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.operations.plan_report.axes import Calendar
from async_endpoint.operations.plan_report.page import Report, StageReport
from async_endpoint.planner import Pattern, Simulation, bundled_prices, make_bill
from tests.planner.stages import conditions, documented, stage

if TYPE_CHECKING:
    from async_endpoint.planner import Traffic

DAYS = 9
PATTERN = f"rate=20,nightly=300,office-rate=60,days={DAYS}"


def planned(name: str, traffic: Traffic | None = None, seed: int = 0) -> StageReport:
    """A stage that sleeps, under a pattern unless there is other traffic."""
    given = stage(documented())
    simulation = Simulation(
        given,
        traffic or Pattern.parse(PATTERN).traffic(seed),
        conditions(5.375, seed=seed),
    )
    outcome = simulation.run()
    bill = make_bill(given, outcome, bundled_prices(), region="us-east-1")
    return StageReport(name, given, outcome, bill, simulation.history())


def report(*stages: StageReport) -> Report:
    """A report of stages."""
    return Report(
        command="async-endpoint plan " + " ".join(each.name for each in stages),
        facts=[("Traffic", PATTERN)],
        table=[("", [each.name for each in stages]), ("requests", [f"{each.outcome.requests:,}" for each in stages])],
        notes=[f"{stages[0].name}: a note."],
        stages=stages,
        calendar=Calendar.from_history(stages[0].history),
    )
