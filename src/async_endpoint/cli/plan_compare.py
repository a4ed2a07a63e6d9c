"""`async-endpoint plan --compare`: a plan of the documents that a deployed stage had, beside what happened to them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from async_endpoint.cli.aws_session import reading_session
from async_endpoint.cli.job_cost import CostOptions, jobs_since, period_of
from async_endpoint.cli.plan_text import concurrency_notes, outcome_notes
from async_endpoint.cli.workflow_options import errors_as_sentences, read_workflow
from async_endpoint.client import JobsTableReader
from async_endpoint.operations.jobs.instance_seconds import read_measurements
from async_endpoint.operations.model_seconds import read_model_seconds
from async_endpoint.operations.plan_comparison import calibration, observe
from async_endpoint.operations.plan_report.texts import duration
from async_endpoint.planner import nearest_rank, simulate
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from async_endpoint.operations.plan_comparison import Observed
    from async_endpoint.planner import Conditions, Outcome, Stage

_HOUR = 3_600
_PERCENTS = (50, 95, 99)
_NOTE = (
    "Planned with the documents that arrived; a job's time includes the pipeline around wait and processing. Instances "
    "that did not report are not counted."
)


@dataclass(frozen=True)
class CompareOptions:
    """The options of `--compare`: how far back, of which stage, and where the calibration is written."""

    since: str
    stage: str | None
    stack: str | None
    calibration: Path | None


@dataclass(frozen=True)
class Comparison:
    """A plan, and what happened in the same period."""

    planned: Outcome
    observed: Observed
    service: str | None
    assumed_concurrency: int | None

    def lines(self) -> Iterator[str]:
        """Yields the table for people."""
        rows = [("", "planned", "happened"), *self._rows()]
        widths = [max(len(row[index]) for row in rows) for index in range(3)]
        for label, planned, happened in rows:
            yield f"{label:<{widths[0]}}  {planned:>{widths[1]}}  {happened:>{widths[2]}}"
        yield ""
        if self.service:
            yield f"The model took {self.service} seconds for a request, on the day with the most of them."
        yield from self._notes()
        yield _NOTE

    def as_json(self) -> str:
        """Returns the table as one JSON object."""
        planned, observed = self.planned, self.observed
        turnarounds = _planned_turnarounds(planned)
        found: dict[str, Any] = {
            "from": _text(observed.period.begin),
            "until": _text(observed.period.end),
            "planned": {
                "requests": planned.requests,
                "processed": planned.processed,
                "expired": planned.expired,
                "instance_hours": round(planned.instance_hours, 3),
                "asleep": round(planned.asleep_seconds / planned.seconds, 4),
                "wakes": planned.wakes,
                "longest_wake_seconds": round(planned.longest_wake, 3),
                "turnaround_seconds": _percentiles(turnarounds),
            },
            "happened": {
                "requests": len(observed.arrivals),
                "states": {state.value: count for state, count in sorted(observed.states.items())},
                "instance_hours": round(observed.instance_seconds / _HOUR, 3),
                "asleep": round(1 - observed.awake, 4),
                "wakes": len(observed.wakes),
                "longest_wake_seconds": round(max(observed.wakes, default=0.0), 3),
                "turnaround_seconds": _percentiles(observed.turnarounds),
            },
            "service_seconds": self.service,
            "notes": [*self._notes()],
        }
        return json.dumps(found, indent=2)

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        planned, observed = self.planned, self.observed
        yield "documents", f"{planned.requests:,}", f"{len(observed.arrivals):,}"
        yield "  processed", f"{planned.processed:,}", f"{self._count(JobState.COMPLETED, JobState.FAILED):,}"
        yield "  expired", f"{planned.expired:,}", f"{self._count(JobState.EXPIRED):,}"
        yield (
            "  without an outcome",
            f"{planned.unfinished:,}",
            f"{self._count(JobState.RECEIVED, JobState.SUBMITTED):,}",
        )
        yield "  cancelled", "-", f"{self._count(JobState.CANCELLED):,}"
        yield "instance hours", f"{planned.instance_hours:,.1f}", f"{observed.instance_seconds / _HOUR:,.1f}"
        yield "time at zero", f"{planned.asleep_seconds / planned.seconds:.0%}", f"{1 - observed.awake:.0%}"
        yield "wakes", f"{planned.wakes:,}", f"{len(observed.wakes):,}"
        yield "longest wake", duration(planned.longest_wake), duration(max(observed.wakes, default=0.0))
        turnarounds = _planned_turnarounds(planned)
        for percent in _PERCENTS:
            expected, real = (nearest_rank(each, percent) for each in (turnarounds, observed.turnarounds))
            yield f"until the outcome p{percent}", duration(expected), duration(real)

    def _notes(self) -> Iterator[str]:
        yield from concurrency_notes(self.assumed_concurrency)
        yield from outcome_notes(self.planned)

    def _count(self, *states: JobState) -> int:
        return sum(self.observed.states.get(state, 0) for state in states)


def compare(stage: Stage, conditions: Conditions, options: CompareOptions) -> Comparison:
    """Reads what happened on a deployed stage, plans the same documents, and writes the calibration if it is wanted.

    Raises:
        click.UsageError: The period or the stage is not named as it must be.
        click.ClickException: AWS cannot be read, no document arrived in the period, or the file cannot be written.
        PlanError: The stage cannot be simulated.
    """
    now = datetime.now(UTC)
    try:
        period = period_of(CostOptions(options.since, None, None, None), now)
    except click.UsageError as error:
        raise click.UsageError("Give --compare as 1d, 6h, 30m or 2026-01-31, a moment that is over.") from error
    workflow = read_workflow(options.stack, options.stage)
    with errors_as_sentences():
        session = reading_session()
        cloudwatch = session.client("cloudwatch")
        jobs = {
            record.job_id: record
            for record in jobs_since(JobsTableReader.from_session(workflow.jobs_table, session), period.begin)
        }
        observed = observe(period, jobs.values(), read_measurements(cloudwatch, stage.endpoint_name, period, now))
        service = read_model_seconds(cloudwatch, stage.endpoint_name, period)
    if not observed.arrivals:
        raise click.ClickException(
            f"No document arrived from {_text(period.begin)} to {_text(period.end)}: reach further back, such as "
            "--compare 7d. The jobs table forgets jobs after their retention."
        )
    assumed = None if conditions.concurrency else stage.concurrency
    found = Comparison(simulate(stage, observed.traffic(), conditions), observed, service, assumed)
    if options.calibration is not None:
        text = calibration(observed, service, wakes_on_submit=stage.wake is not None)
        try:
            with options.calibration.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            raise click.ClickException(f"{options.calibration} exists: name another file, or delete it.") from error
        except OSError as error:
            raise click.ClickException(f"{options.calibration} cannot be written: {error.strerror}.") from error
    return found


def _planned_turnarounds(planned: Outcome) -> list[float]:
    return sorted(wait + service for wait, service in zip(planned.waits, planned.services, strict=True))


def _percentiles(ordered: Sequence[float]) -> dict[str, float | None]:
    found = {f"p{percent}": nearest_rank(ordered, percent) for percent in _PERCENTS}
    return {name: None if math.isnan(seconds) else round(seconds, 3) for name, seconds in found.items()}


def _text(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%MZ")
