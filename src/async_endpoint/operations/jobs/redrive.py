"""Chooses the jobs in a final state, by reason and time, and requests another attempt of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import takewhile
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.client.bounded_map import bounded_map
from async_endpoint.operations.jobs.attempts import AttemptNotSent, JobChanged
from async_endpoint.protocol import FAILED_BEFORE, JobRecordError, JobsTableBusy, JobState, utc_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta

    from async_endpoint.client import JobsTableReader
    from async_endpoint.operations.jobs.attempts import AttemptRequester
    from async_endpoint.protocol import JobRecord

REPEAT_AFTER_SECONDS = 60
"""An attempt that waits for so long without a claim may lack its message; a younger one may be another command's."""

_WORKERS = 8
_FAILURES = (AttemptNotSent, JobRecordError, JobsTableBusy, BotoCoreError, ClientError)


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """Which jobs to choose.

    Attributes:
        state: Their state: FAILED, EXPIRED or CANCELLED.
        reason: A part of their reason, in any case of letters; None for any reason.
        since: Only those that reached the state at this time or later; None for any time.
        limit: At most so many jobs.
    """

    state: JobState
    reason: str | None = None
    since: datetime | None = None
    limit: int | None = None

    def accepts(self, state: JobState, reason: str | None, ended_at: str | None) -> bool:
        """Returns whether an outcome meets the criteria."""
        return (
            state is self.state
            and (self.reason is None or self.reason.lower() in (reason or "").lower())
            and (self.since is None or (ended_at or "") >= utc_timestamp(self.since))
        )


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The chosen jobs.

    Attributes:
        waiting: They met the criteria before their latest attempt, which waits unclaimed for
            `REPEAT_AFTER_SECONDS` or longer: the command that requested it may have been killed before its message.
        over: They meet the criteria.
        recent: How many more wait, for a shorter time.
        foreign: How many more meet the criteria, but did not come through the inbox: their callers have the documents.
    """

    waiting: tuple[JobRecord, ...]
    over: tuple[JobRecord, ...]
    recent: int
    foreign: int

    @property
    def jobs(self) -> tuple[JobRecord, ...]:
        """All chosen jobs."""
        return self.waiting + self.over

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """The reasons of the jobs that are over, most frequent first."""
        return Counter(job.reason or "no reason" for job in self.over).most_common()


def select_jobs(records: JobsTableReader, criteria: Criteria, *, now: datetime) -> Selection:
    """Returns the jobs that meet the criteria, newest first.

    Raises:
        RecordsError: The table could not be read.
    """
    waiting: list[JobRecord] = []
    recent = foreign = 0
    for job in _since(records.list(JobState.RECEIVED), criteria):
        # An attempt that no command requested waits for its delay, and the reconciler finds it if its message is lost.
        # One that waits for admission needs no message.
        automatic = job.attempt == 1 or (job.cause or "").startswith(FAILED_BEFORE)
        if automatic or job.waits_for_admission or (job.claimed_until or 0) > now.timestamp():
            continue
        before = job.attempts[-2]
        if criteria.accepts(before.state, before.reason, before.ended_at):
            if _age(job, now) < REPEAT_AFTER_SECONDS:
                recent += 1
            elif criteria.limit is None or len(waiting) < criteria.limit:
                waiting.append(job)
    room = None if criteria.limit is None else criteria.limit - len(waiting)
    over: list[JobRecord] = []
    for job in _since(records.list(criteria.state), criteria):
        if len(over) == room:
            break
        if criteria.accepts(job.state, job.reason, job.ended_at):
            if job.version is None:
                foreign += 1
            else:
                over.append(job)
    return Selection(waiting=tuple(waiting), over=tuple(over), recent=recent, foreign=foreign)


def parse_age(text: str, units: dict[str, timedelta]) -> timedelta:
    """Returns a length of time such as `6h`.

    Args:
        text: A whole number and a unit.
        units: The units by their letters.

    Raises:
        ValueError: It is something else; the message is one sentence.
    """
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdecimal() and int(number) and unit in units):
        raise ValueError(f"{text!r} is not a length of time: write a whole number and one of {', '.join(units)}: 6h.")
    try:
        return int(number) * units[unit]
    except OverflowError as error:
        raise ValueError(f"{text!r} is too long: leave the option out to take any time.") from error


class RedriveOutcome(StrEnum):
    """What became of a chosen job."""

    REQUESTED = "requested"
    REPEATED = "repeated"
    CHANGED = "changed"
    FAILED = "failed"


@dataclass(frozen=True)
class Redriven:
    """A chosen job, after its turn; `text` is a sentence."""

    job_id: str
    outcome: RedriveOutcome
    text: str


@dataclass
class Redrive:
    """Requests another attempt of each chosen job; an error of one does not stop the others.

    Attributes:
        requester: Requests the attempts.
        cause: The cause of the attempts, in a sentence.
        done: The jobs that had their turn, also after an interruption.
    """

    requester: AttemptRequester
    cause: str
    done: list[Redriven] = field(default_factory=list)

    def run(self, selection: Selection, on_done: Callable[[Redriven], None]) -> None:
        """Works on all jobs, several at once, and reports each; Ctrl-C lets those in progress finish."""
        for redriven in bounded_map(self._redrive, selection.jobs, _WORKERS):
            on_done(redriven)

    def count(self, outcome: RedriveOutcome) -> int:
        """Returns how many jobs had an outcome."""
        return sum(redriven.outcome is outcome for redriven in self.done)

    def _redrive(self, job: JobRecord) -> Redriven:
        try:
            requested = self.requester.request(job.job_id, self.cause, listed=job)
            outcome = RedriveOutcome.REPEATED if requested.repeated else RedriveOutcome.REQUESTED
            redriven = Redriven(job.job_id, outcome, str(requested))
        except JobChanged as error:
            redriven = Redriven(job.job_id, RedriveOutcome.CHANGED, str(error))
        except _FAILURES as error:
            redriven = Redriven(job.job_id, RedriveOutcome.FAILED, f"{job.job_id}: {error}")
        self.done.append(redriven)  # here, so that it counts even if nobody takes the results any more
        return redriven


def _since(jobs: Iterator[JobRecord], criteria: Criteria) -> Iterator[JobRecord]:
    """Yields jobs, newest first, until they are older than the criteria allow."""
    if criteria.since is None:
        return jobs
    oldest = utc_timestamp(criteria.since)
    return takewhile(lambda job: (job.updated_at or "") >= oldest, jobs)


def _age(job: JobRecord, now: datetime) -> float:
    """Returns the seconds since the attempt was requested."""
    if job.requested_at is None:
        return float("inf")
    return (now - now.fromisoformat(job.requested_at)).total_seconds()
