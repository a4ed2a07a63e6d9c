"""Divides the instance seconds of a period among the jobs that the model processed.

AWS bills instances, and does not say which request took how long. So the seconds of each awake span, from the first to
the last of consecutive measurements, are divided equally among the attempts that ended in it; start-up and idle time
included. All counts are whole seconds, so that the shares add up exactly.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from async_endpoint.protocol import Attempt, JobRecord


@dataclass(frozen=True)
class Measurement:
    """The instances of a stretch of time that were measured.

    Attributes:
        begin: Epoch seconds.
        length: Seconds.
        instance_seconds: Seconds of all instances together.
    """

    begin: int
    length: int
    instance_seconds: int

    @property
    def end(self) -> int:
        """Epoch seconds; the first moment that is not measured."""
        return self.begin + self.length


@dataclass(frozen=True)
class Period:
    """From `begin` until before `end`, in epoch seconds."""

    begin: int
    end: int


@dataclass(frozen=True)
class Cost:
    """What a period cost, in instance seconds.

    Attributes:
        shares: The seconds of each job that the model processed in the period, by job id.
        attempts: How many attempts these were.
        unassigned: The seconds of spans in which no attempt ended.
        idle: The seconds of measurements during which no attempt was at the endpoint; part of the total.
        covered: How much of the period has a measurement, from 0 to 1. The rest is unknown: asleep, or not reported.
    """

    shares: Mapping[str, int]
    attempts: int
    unassigned: int
    idle: int
    covered: float

    @property
    def total(self) -> int:
        """All measured instance seconds."""
        return sum(self.shares.values()) + self.unassigned

    @property
    def average(self) -> float | None:
        """The measured seconds for each job; None without jobs."""
        return self.total / len(self.shares) if self.shares else None


def cost_of(period: Period, measured: Iterable[Measurement], jobs: Iterable[JobRecord]) -> Cost:
    """Divides the measured seconds of a period.

    Args:
        period: The period.
        measured: Measurements that do not overlap; those that begin outside the period are ignored.
        jobs: The jobs, each at most once. Those without an outcome count as work until the period's end.
    """
    inside = sorted((each for each in measured if period.begin <= each.begin < period.end), key=lambda each: each.begin)
    jobs = list(jobs)
    ends = sorted((at, job.job_id) for job in jobs for at in _charged_ends(job) if period.begin <= at < period.end)
    shares: Counter[str] = Counter({job: 0 for _, job in ends})
    unassigned = 0
    for span in awake_spans(inside):
        seconds = sum(each.instance_seconds for each in span)
        # An attempt's id is never "", so that a moment alone sorts before each attempt that ended then.
        ended = ends[bisect_left(ends, (span[0].begin, "")) : bisect_left(ends, (span[-1].end, ""))]
        if not ended:
            unassigned += seconds
            continue
        each_gets, rest = divmod(seconds, len(ended))
        for position, (_, job) in enumerate(ended):
            shares[job] += each_gets + (position < rest)
    work = [stay for job in jobs for attempt in job.attempts if (stay := _stay(attempt, period.end))]
    idle = sum(each.instance_seconds for each in inside if not any(a < each.end and b >= each.begin for a, b in work))
    covered = sum(min(each.end, period.end) - each.begin for each in inside)
    length = period.end - period.begin
    return Cost(dict(shares), len(ends), unassigned, idle, covered / length if length else 0.0)


def awake_spans(measured: Sequence[Measurement]) -> Iterator[list[Measurement]]:
    """Yields each run of consecutive measurements, which are ascending."""
    span: list[Measurement] = []
    for each in measured:
        if span and each.begin != span[-1].end:
            yield span
            span = []
        span.append(each)
    if span:
        yield span


def _charged_ends(job: JobRecord) -> Iterator[float]:
    """Yields when the attempts ended that SageMaker accepted; a document that was rejected before costs nothing."""
    for attempt in job.attempts:
        processed = attempt.state is JobState.COMPLETED or (
            attempt.state is JobState.FAILED and (attempt.submitted_at or attempt.result_location)
        )
        if processed and attempt.ended_at:
            yield _epoch(attempt.ended_at)


def _stay(attempt: Attempt, until: float) -> tuple[float, float] | None:
    """Returns from when until when an attempt was at the endpoint; None if it never was, or nobody knows since when."""
    if attempt.submitted_at is None:
        return None
    return _epoch(attempt.submitted_at), _epoch(attempt.ended_at) if attempt.ended_at else until


def _epoch(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
