"""Finds jobs that no message will finish any more, and finishes them or sends their messages again.

Delivery is at least once everywhere, but not certain: SageMaker sends a notification once, a topic gives up on a queue
that it cannot reach, a message expires. What is left behind is visible in the jobs table and in S3:

    SUBMITTED for long   the result or the failure is in S3: its outcome is recorded. Neither is there after the
                         request's time: the job is EXPIRED.
    RECEIVED for long    no message is left that would submit it: its request is sent again.
    waits for admission  the function that should have requested it may have failed: the oldest are requested. The
                         submitting function decides whether there is room, and asks for more until it is used up.
    no job at all        the event of an upload never came: it is sent again.

Nothing is sent while the intake's queues have a backlog. While their DLQs hold messages, which may be the missing ones
and wait for an operator, documents are only admitted. Everything here may happen twice: an attempt is submitted once,
and an outcome merges with itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from async_endpoint.protocol import (
    JobRecord,
    JobState,
    LocationError,
    S3Location,
    submitted_seconds_allowed,
    utc_timestamp,
)
from reconcile.ports import Waiting
from shared.outcomes import Outcome, OutcomeWriter, delay_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconcile.ports import Jobs, Measurements, Messages, Objects
    from reconcile.settings import Settings

_OLDEST_UPLOAD = timedelta(days=2)
_BACKLOG = 100
_MOST_JOBS = 200
_MOST_ADMITTED = 100
_MOST_PAGES = 5
_LONGEST_SECONDS = 30.0  # half of the function's timeout


@dataclass
class Findings:
    """What one run did, by kind; `lines` are sentences for the log, `errors` those of single jobs."""

    looked_at: int = 0
    recorded: int = 0
    expired: int = 0
    requested: int = 0
    asked: int = 0
    announced: int = 0
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Returns the sentence for the log."""
        return (
            f"{self.looked_at} jobs were looked at: {self.recorded} outcomes recorded, {self.expired} jobs expired, "
            f"{self.requested} requests and {self.announced} uploads sent again, {self.asked} waiting jobs asked for."
        )


class Reconciler:
    """Looks once in each run, at a bounded number of jobs and documents.

    Args:
        jobs: The jobs table.
        objects: The results, the failures and the inbox.
        messages: The intake queue.
        outcomes: Writes the outcomes that are found.
        measurements: Takes how old the jobs are that no outcome was found for.
        admit: Asks for up to so many jobs that wait for admission; returns for how many.
        settings: The settings of the function.
        clock: Seconds on a monotonic clock: after half a minute a run begins no further part of the inbox.
    """

    def __init__(
        self,
        *,
        jobs: Jobs,
        objects: Objects,
        messages: Messages,
        outcomes: OutcomeWriter,
        measurements: Measurements,
        admit: Callable[[int], int],
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._jobs = jobs
        self._objects = objects
        self._messages = messages
        self._outcomes = outcomes
        self._measurements = measurements
        self._admit = admit
        self._settings = settings
        self._clock = clock
        self._began = clock()
        self._look_after = timedelta(seconds=settings.look_after_seconds)

    def run(self, now: datetime, *, due_at: datetime | None = None) -> Findings:
        """Looks once.

        Args:
            now: The time, on the clock of the submitting function.
            due_at: For when this run was scheduled; dates its measurements. By default now.
        """
        self._began, findings = self._clock(), Findings()
        # One more than this run looks at: the oldest of those that it leaves to the next.
        jobs = list(self._jobs.oldest(JobState.SUBMITTED, before=now - self._look_after, limit=_MOST_JOBS + 1))
        unfinished = [job for job in jobs[:_MOST_JOBS] if not self._finish(job, now, findings)]
        self._measure([*unfinished, *jobs[_MOST_JOBS:]], now, due_at or now, findings)
        if (waiting := self._messages.waiting()) > _BACKLOG:
            findings.lines.append(f"{waiting} messages are in the intake's queues, so none is sent again.")
            return findings
        findings.asked = self._admit(_MOST_ADMITTED)
        if dead := self._messages.dead():
            findings.lines.append(f"The intake's DLQs are not empty (messages: {dead}), so none is sent again.")
        else:
            self._request_stuck(now, findings)
            self._announce_unknown(now, findings)
        return findings

    def _is_late(self) -> bool:
        return self._clock() - self._began > _LONGEST_SECONDS

    @property
    def _allowed(self) -> timedelta:
        """How long a job may be SUBMITTED."""
        return timedelta(seconds=submitted_seconds_allowed(self._settings.request_seconds))

    def _measure(self, jobs: list[JobRecord], now: datetime, due_at: datetime, findings: Findings) -> None:
        """Reports how old the submitted jobs are. Without a measurement the rest of the run is as useful."""
        try:
            ages = [now - datetime.fromisoformat(job.submitted_at) for job in jobs if job.submitted_at]
            overdue = sum(age > self._allowed for age in ages)
            self._measurements.put(Waiting(due_at, max(ages, default=timedelta(0)), overdue))
        except Exception as error:  # noqa: BLE001 - whatever it is, lost messages need to be sent again
            findings.errors.append(f"The age of the jobs was not published: {type(error).__name__}: {error}")

    def _finish(self, job: JobRecord, now: datetime, findings: Findings) -> bool:
        """Writes the outcome of a submitted job, if it has one. An error of one job does not stop the others.

        Returns:
            Whether the job has its outcome now.
        """
        findings.looked_at += 1
        try:
            outcome = self._outcome(job, now)
            if outcome is None:
                return False
            findings.lines.append(f"{job.job_id}: {self._outcomes.write(outcome)}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the jobs behind this one need their turn
            findings.errors.append(f"{job.job_id}: {type(error).__name__}: {error}")
            return False
        if outcome.record.state is JobState.EXPIRED:
            findings.expired += 1
        else:
            findings.recorded += 1
        return True

    def _request_stuck(self, now: datetime, findings: Findings) -> None:
        # All deliveries of its message are over, which may have been delayed before.
        settings = self._settings
        longest_delay = delay_seconds(settings.max_submissions, settings.retry_delay_seconds)
        stuck_since = now - timedelta(seconds=longest_delay + settings.delivery_seconds)
        for job in self._jobs.oldest(JobState.RECEIVED, before=stuck_since, limit=_MOST_JOBS):
            findings.looked_at += 1
            if (job.claimed_until or 0) <= now.timestamp():
                self._messages.request(job)
                findings.requested += 1

    def _outcome(self, job: JobRecord, now: datetime) -> Outcome | None:
        """Returns the outcome of a submitted job, or None while its notification, or an outcome, may come yet."""
        if ended_at := self._stored_at(job.output_location):
            return self._found(_record(job, JobState.COMPLETED, ended_at, location=job.output_location), ended_at, now)
        if ended_at := self._stored_at(job.failure_location):
            return self._found(
                _record(
                    job,
                    JobState.FAILED,
                    ended_at,
                    location=job.failure_location,
                    reason="The notification of the failure never came.",
                ),
                ended_at,
                now,
            )
        if job.submitted_at is None or now - datetime.fromisoformat(job.submitted_at) <= self._allowed:
            return None
        reason = (
            f"No result, failure or notification came within {self._allowed.total_seconds():g} s of the submission."
        )
        return Outcome(_record(job, JobState.EXPIRED, now, reason=reason), transient=False)

    def _found(self, record: JobRecord, ended_at: datetime, now: datetime) -> Outcome | None:
        if now - ended_at < self._look_after:
            return None
        # The status of the model's response was in the notification alone.
        return Outcome(record, transient=record.state is JobState.FAILED)

    def _stored_at(self, location: str | None) -> datetime | None:
        try:
            return self._objects.stored_at(S3Location.from_uri(location)) if location else None
        except LocationError:
            return None

    def _announce_unknown(self, now: datetime, findings: Findings) -> None:
        """Sends the events of documents that have no job, from the next parts of the inbox."""
        # The table may have deleted the job of an older document.
        oldest = min(_OLDEST_UPLOAD, timedelta(days=self._settings.job_retention_days) / 2)
        for _ in range(_MOST_PAGES):
            page = self._objects.inbox(self._jobs.marker())
            recent = {
                each.upload.job_id: each
                for each in page.documents
                if self._look_after <= now - each.upload.received_at <= oldest
            }
            known = self._jobs.known(recent) if recent else set()
            for job_id, document in recent.items():
                if job_id not in known:
                    self._messages.announce(document)
                    findings.announced += 1
            self._jobs.put_marker(page.marker)
            if page.marker is None or self._is_late():
                break


def _record(
    job: JobRecord, state: JobState, ended_at: datetime, *, location: str | None = None, reason: str | None = None
) -> JobRecord:
    return JobRecord(
        job_id=job.job_id,
        state=state,
        attempt=job.attempt,
        ended_at=utc_timestamp(ended_at),
        reason=reason,
        result_location=location,
        expires_at=job.expires_at,
    )
