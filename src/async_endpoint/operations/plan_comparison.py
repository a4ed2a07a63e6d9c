"""What happened on a deployed stage, as a plan says it: from its jobs, and from what its instances reported.

A job's time at the endpoint is that from its arrival until its outcome is recorded: AWS does not say how long a single
request waited. A plan's is the wait and the processing; what the pipeline takes around both is not planned.
"""

from __future__ import annotations

import statistics
from array import array
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from async_endpoint.counted import counted
from async_endpoint.operations.jobs.cost import awake_spans
from async_endpoint.planner import Traffic
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from async_endpoint.operations.jobs.cost import Measurement, Period
    from async_endpoint.protocol import JobRecord

_SHORTEST_GAP = 120  # seconds without a measurement: a minute's may be missing although instances run


@dataclass(frozen=True)
class Observed:
    """What happened in a period.

    Attributes:
        period: The period.
        arrivals: When each document arrived, in epoch seconds, ascending.
        turnarounds: Seconds from the arrival of each completed document until its outcome was recorded, ascending.
        states: How many documents of the period are in each state.
        instance_seconds: Of all instances that reported.
        awake: The share of the period in which an instance reported, from 0 to 1.
        wakes: Seconds of each wake: from the first document that met no instance until the first outcome, with the
            processing of one request.
    """

    period: Period
    arrivals: Sequence[float]
    turnarounds: Sequence[float]
    states: dict[JobState, int]
    instance_seconds: int
    awake: float
    wakes: Sequence[float]

    def traffic(self) -> Traffic:
        """Returns the documents that arrived, for a simulation of the same period."""
        begin, end = self.period.begin, self.period.end
        return Traffic(float(begin), float(end - begin), array("d", (at - begin for at in self.arrivals)))


def observe(period: Period, jobs: Iterable[JobRecord], measured: Iterable[Measurement]) -> Observed:
    """Returns what happened to the documents that arrived in a period.

    Args:
        period: The period.
        jobs: The jobs, each at most once. Those that arrived outside the period are ignored.
        measured: The measurements of `instance_seconds.read_measurements`, of the same period.
    """
    stays = [
        (arrived, _epoch(job.ended_at), job.state)
        for job in jobs
        if (arrived := _epoch(job.received_at or job.attempts[0].submitted_at)) is not None
        and period.begin <= arrived < period.end
    ]
    done = [(came, ended) for came, ended, state in stays if ended is not None and state is JobState.COMPLETED]
    inside = sorted((each for each in measured if period.begin <= each.begin < period.end), key=lambda each: each.begin)
    covered = sum(min(each.end, period.end) - each.begin for each in inside)
    states: dict[JobState, int] = {}
    for _, _, state in stays:
        states[state] = states.get(state, 0) + 1
    return Observed(
        period,
        sorted(came for came, _, _ in stays),
        sorted(max(0.0, ended - came) for came, ended in done),
        states,
        sum(each.instance_seconds for each in inside),
        covered / (period.end - period.begin),
        tuple(_wakes(period, done, inside)),
    )


def calibration(observed: Observed, service: str | None, *, wakes_on_submit: bool) -> str:
    """Returns the lines of a stage's table `[plan]` that a period has measured.

    Args:
        observed: The period.
        service: How long a request is processed, as `plan` takes it; None if CloudWatch has no ModelLatency.
        wakes_on_submit: Whether the stage wakes when a document is submitted. Where alarms wake it, a wake includes the
            minutes of their metrics, and does not say how long an instance takes to start.
    """
    lines = ["[plan]"]
    lines.append(f'service_seconds = "{service}"' if service else "# service_seconds: CloudWatch has no ModelLatency.")
    if not observed.wakes:
        lines.append("# start_seconds: nothing was woken in the period.")
    elif not wakes_on_submit:
        lines.append("# start_seconds: alarms wake this stage, so its wakes are longer than a start.")
    else:
        seconds = statistics.median(observed.wakes)
        lines.append(
            f'start_seconds = "{seconds:.0f}"  # the median of {counted(len(observed.wakes), "wake")}, one request each'
        )
    return "\n".join(lines) + "\n"


def _wakes(period: Period, done: Sequence[tuple[float, float]], measured: Sequence[Measurement]) -> Iterable[float]:
    """Yields from when until when documents waited for an instance, at the begin of each span of measurements."""
    asleep_since = float(period.begin)
    for span in awake_spans(measured):
        begin, end = span[0].begin, span[-1].end
        if begin - asleep_since >= _SHORTEST_GAP:
            met_none = [
                (came, ended)
                for came, ended in done
                if asleep_since <= came < begin + span[0].length and ended >= begin
            ]
            if met_none:
                yield min(ended for _, ended in met_none) - min(came for came, _ in met_none)
        asleep_since = float(end)


def _epoch(timestamp: str | None) -> float | None:
    return None if timestamp is None else datetime.fromisoformat(timestamp).timestamp()
