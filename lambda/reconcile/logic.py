"""Finds jobs that no message will finish any more, and finishes them or sends their messages again.

Delivery is at least once everywhere, but not certain: SageMaker sends a notification once, a topic gives up on a queue
that it cannot reach, a message expires. What is left behind is visible in the jobs table and in S3:

    SUBMITTED for long   the result or the failure is in S3: its outcome is recorded. Neither is there after the
                         request's time: the job is EXPIRED.
    RECEIVED for long    no message is left that would submit it: its request is sent again.
    no job at all        the event of an upload never came: it is sent again.

Nothing is sent while the DLQ of the intake queue holds messages, which may be the missing ones and wait for an
operator, and no upload while the queue itself has a backlog. Everything here may happen twice: an attempt is submitted
once, and an outcome merges with itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from async_endpoint.protocol import JobRecord, JobState, LocationError, S3Location, utc_timestamp
from shared.outcomes import LONGEST_DELAY_SECONDS, Outcome, OutcomeWriter

if TYPE_CHECKING:
    from reconcile.ports import Jobs, Messages, Objects, Stored
    from reconcile.settings import Settings

# A notification takes seconds; a request that is looked at too early costs two calls of HeadObject.
LOOK_AFTER = timedelta(minutes=15)
# Between the end of a request and its notification, its queue, and a few deliveries of the function.
_GRACE = timedelta(minutes=30)
# An older document may have had a job that the table has deleted.
_OLDEST_UPLOAD = timedelta(days=2)
_BACKLOG = 100
_MOST_JOBS = 200
_MOST_PAGES = 5


@dataclass
class Findings:
    """What one run did, by kind; `lines` are sentences for the log."""

    looked_at: int = 0
    recorded: int = 0
    expired: int = 0
    requested: int = 0
    announced: int = 0
    lines: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Returns the sentence for the log."""
        return (
            f"{self.looked_at} jobs were looked at: {self.recorded} outcomes recorded, {self.expired} jobs expired, "
            f"{self.requested} requests and {self.announced} uploads sent again."
        )


class Reconciler:
    """Looks once in each run, at a bounded number of jobs and documents.

    Args:
        jobs: The jobs table.
        objects: The results, the failures and the inbox.
        messages: The intake queue.
        outcomes: Writes the outcomes that are found.
        settings: The settings of the function.
    """

    def __init__(
        self, *, jobs: Jobs, objects: Objects, messages: Messages, outcomes: OutcomeWriter, settings: Settings
    ) -> None:
        self._jobs = jobs
        self._objects = objects
        self._messages = messages
        self._outcomes = outcomes
        self._settings = settings

    def run(self, now: datetime) -> Findings:
        """Looks once.

        Args:
            now: The time, on the clock of the submitting function.
        """
        findings = Findings()
        for job in self._jobs.oldest(JobState.SUBMITTED, before=now - LOOK_AFTER, limit=_MOST_JOBS):
            findings.looked_at += 1
            if outcome := self._outcome(job, now, findings):
                findings.lines.append(f"{job.job_id}: {self._outcomes.write(outcome)}")
        if dead := self._messages.dead():
            findings.lines.append(f"{dead} messages are in the intake's DLQ, so none is sent again.")
            return findings
        # All deliveries of its message are over, which may have been delayed before.
        stuck_since = now - timedelta(seconds=LONGEST_DELAY_SECONDS + self._settings.delivery_seconds)
        for job in self._jobs.oldest(JobState.RECEIVED, before=stuck_since, limit=_MOST_JOBS):
            findings.looked_at += 1
            if (job.claimed_until or 0) <= now.timestamp():
                self._messages.request(job)
                findings.requested += 1
        if self._messages.waiting() <= _BACKLOG:
            for document in self._unknown(now):
                self._messages.announce(document)
                findings.announced += 1
        return findings

    def _outcome(self, job: JobRecord, now: datetime, findings: Findings) -> Outcome | None:
        """Returns the outcome of a submitted job, or None while it may have one yet."""
        if ended_at := self._stored_at(job.output_location):
            findings.recorded += 1
            return Outcome(_record(job, JobState.COMPLETED, ended_at, location=job.output_location), transient=False)
        if ended_at := self._stored_at(job.failure_location):
            findings.recorded += 1
            reason = "The notification of the failure never came."
            # The status of the model's response was in the notification alone.
            return Outcome(
                _record(job, JobState.FAILED, ended_at, location=job.failure_location, reason=reason), transient=True
            )
        allowed = timedelta(seconds=self._settings.request_seconds) + _GRACE
        if job.submitted_at is None or now - datetime.fromisoformat(job.submitted_at) <= allowed:
            return None
        findings.expired += 1
        reason = f"No result, failure or notification came within {allowed.total_seconds():g} s of the submission."
        return Outcome(_record(job, JobState.EXPIRED, now, reason=reason), transient=False)

    def _stored_at(self, location: str | None) -> datetime | None:
        try:
            return self._objects.stored_at(S3Location.from_uri(location)) if location else None
        except LocationError:
            return None

    def _unknown(self, now: datetime) -> list[Stored]:
        """Returns documents in the inbox that have no job, from the next part of it."""
        marker, unknown = self._jobs.marker(), []
        for _ in range(_MOST_PAGES):
            page = self._objects.inbox(marker)
            recent = {
                each.upload.job_id: each
                for each in page.documents
                if LOOK_AFTER <= now - each.upload.received_at <= _OLDEST_UPLOAD
            }
            known = self._jobs.known(recent) if recent else set()
            unknown += [document for job_id, document in recent.items() if job_id not in known]
            marker = page.marker
            if marker is None:
                break
        self._jobs.put_marker(marker)
        return unknown


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
