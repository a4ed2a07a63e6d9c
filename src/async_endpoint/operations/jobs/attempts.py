"""Requests another attempt of a job: one write in the jobs table, then one message to the intake queue.

The write comes first, and makes the attempt; the message only says that it waits. So whatever is lost or repeated
between the two, there is one attempt: the message of an attempt that waits can be sent again at any time, because the
submit function submits each attempt once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.protocol import (
    AttemptRequest,
    JobRecord,
    JobRecordError,
    JobState,
    merge_records,
    record_attempt,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_sqs.client import SQSClient

    from async_endpoint.protocol import JobsTableWriter


class AttemptNotSent(Exception):
    """The attempt is in the jobs table, its message is not in the queue; the message is a sentence with the remedy."""


class JobChanged(Exception):
    """The job is no longer as it was listed: another command or an outcome was faster. The message is one sentence."""


@dataclass(frozen=True)
class RequestedAttempt:
    """An attempt that waits to be submitted, and whose message was sent.

    Attributes:
        job: The job.
        repeated: Whether the attempt existed already, and only its message was sent again.
    """

    job: JobRecord
    repeated: bool

    def __str__(self) -> str:
        again = "waited already: its message was sent again" if self.repeated else "is requested"
        return f"{self.job.job_id}: attempt {self.job.attempt} {again}."


class AttemptRequester:
    """Requests attempts.

    Args:
        jobs: The jobs table.
        send: Sends a request to the intake queue; see `intake_sender`.
        clock: Returns the time, aware.
        retention_days: How long the table keeps a job after it was requested again.
    """

    def __init__(
        self,
        jobs: JobsTableWriter,
        send: Callable[[AttemptRequest], None],
        clock: Callable[[], datetime],
        *,
        retention_days: int,
    ) -> None:
        self._jobs = jobs
        self._send = send
        self._clock = clock
        self._retention = timedelta(days=retention_days)

    def request(self, job_id: str, cause: str, *, listed: JobRecord | None = None) -> RequestedAttempt:
        """Requests the next attempt of a job that is over, or repeats the message of an attempt that waits.

        Args:
            job_id: The job.
            cause: Why there is another attempt, in a sentence.
            listed: The job as it was when it was chosen: a job that has changed since is left alone. None takes the job
                as it is.

        Raises:
            AttemptNotSent: The attempt is recorded, but its message could not be sent.
            JobChanged: The job is no longer as listed.
            JobRecordError: The job does not exist, has a result, or is with the endpoint or the submit function.
            JobsTableBusy: Other writers of the same job were faster at every attempt.
        """
        change = _Change(job_id, cause, self._clock(), listed, self._retention)
        job = self._jobs.change(job_id, change)
        try:
            self._send(AttemptRequest(job_id, job.attempt))
        except (BotoCoreError, ClientError) as error:
            raise AttemptNotSent(
                f"Attempt {job.attempt} of job {job_id} is recorded, but its message could not be sent ({error}): run "
                f"`async-endpoint retry {job_id}`, which sends it again."
            ) from error
        return RequestedAttempt(job, change.repeats)


def intake_sender(sqs: SQSClient, queue_url: str) -> Callable[[AttemptRequest], None]:
    """Returns a function that sends a request to the intake queue."""

    def send(request: AttemptRequest) -> None:
        sqs.send_message(QueueUrl=queue_url, MessageBody=request.to_message())

    return send


class _Change:
    """What `JobsTableWriter.change` makes of a job; called again whenever another writer was faster."""

    def __init__(self, job_id: str, cause: str, at: datetime, listed: JobRecord | None, retention: timedelta) -> None:
        self._job_id = job_id
        self._cause = cause
        self._at = at
        self._expires_at = int((at + retention).timestamp())
        self._listed = listed
        self._made: JobRecord | None = None
        self.repeats = False

    def __call__(self, job: JobRecord | None) -> JobRecord:
        if job is None:
            raise JobRecordError(f"There is no job {self._job_id}: it never existed, or its record has expired.")
        if self._made and _request(job) == _request(self._made):
            return job  # this command's own write, whose response was lost
        if self._listed and (job.state, job.attempt) != (self._listed.state, self._listed.attempt):
            raise JobChanged(f"The job {job.job_id} is {job.state} at attempt {job.attempt} by now: left alone.")
        if job.state is JobState.RECEIVED:
            if (job.claimed_until or 0) > self._at.timestamp():
                raise JobRecordError(f"The job {job.job_id} is being submitted at this moment: there is nothing to do.")
            self.repeats = True
            return job
        self._made = record_attempt(job, cause=self._cause, at=self._at, expires_at=self._expires_at)
        merged = merge_records(job, self._made)
        if merged.state is not JobState.RECEIVED:
            raise JobRecordError(
                f"Attempt {merged.attempt} of job {job.job_id} has a result, {merged.outcome_location}: there is "
                "nothing to submit again."
            )
        return merged


def _request(job: JobRecord) -> tuple[int, str | None, str | None]:
    return job.attempt, job.requested_at, job.cause
