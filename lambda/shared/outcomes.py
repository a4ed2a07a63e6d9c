"""Writes the outcome of a job, and asks for another attempt where one may help."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from async_endpoint.protocol import (
    FAILED_BEFORE,
    AttemptRequest,
    JobState,
    failure_sentence,
    merge_records,
    record_attempt,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from async_endpoint.protocol import JobRecord

# SQS takes no longer delay:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_LONGEST_DELAY_SECONDS = 900
_FACTOR = 4


class Jobs(Protocol):
    """The jobs table; implemented and documented by `async_endpoint.protocol.JobsTableWriter`."""

    def get(self, job_id: str) -> JobRecord | None:
        """Returns a job, or None."""

    def complete(self, record: JobRecord) -> bool:
        """Merges the usual outcome in one call; returns False if it is another."""

    def change(self, job_id: str, change: Callable[[JobRecord | None], JobRecord]) -> JobRecord:
        """Replaces a job by what `change` makes of it."""


class Failures(Protocol):
    """The failure objects in S3."""

    def read(self, location: str) -> bytes | None:
        """Returns the beginning of a failure object; None if it cannot be read."""


class Attempts(Protocol):
    """The intake queue."""

    def request(self, request: AttemptRequest, delay_seconds: int) -> None:
        """Sends a request for an attempt, to be delivered after the delay."""


@dataclass(frozen=True)
class Outcome:
    """An outcome that was reported.

    Attributes:
        record: What it says about its job.
        transient: Whether another attempt may have another outcome.
    """

    record: JobRecord
    transient: bool


class OutcomeWriter:
    """Writes outcomes, in any order and however often each is reported.

    Args:
        jobs: The jobs table. A missing job is created: its submission may be recorded later, or never, if a client
            submitted it.
        failures: The failure objects, in which the model says what went wrong.
        attempts: Receives requests for another attempt.
        max_submissions: The number of attempts after which a failure is final.
        retry_delay_seconds: How long the second attempt waits.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        *,
        jobs: Jobs,
        failures: Failures,
        attempts: Attempts,
        max_submissions: int,
        retry_delay_seconds: int,
        clock: Callable[[], float],
    ) -> None:
        self._jobs = jobs
        self._failures = failures
        self._attempts = attempts
        self._max_submissions = max_submissions
        self._retry_delay_seconds = retry_delay_seconds
        self._clock = clock

    def write(self, outcome: Outcome) -> str:
        """Merges an outcome into its job, asks for another attempt where one may help; returns a sentence for the log.

        The same outcome once more asks again: the submitting function submits each attempt once.
        """
        if self._jobs.complete(outcome.record):
            return written_line(outcome.record)
        record = self._with_sentence_of_model(outcome.record)
        job = self._jobs.change(record.job_id, lambda existing: self._after(existing, replace(outcome, record=record)))
        if job.state is JobState.RECEIVED and job.attempt == record.attempt + 1:
            delay = delay_seconds(job.attempt, self._retry_delay_seconds)
            self._attempts.request(AttemptRequest(job.job_id, job.attempt), delay)
            return f"Attempt {record.attempt} failed, and attempt {job.attempt} follows in {delay} s: {record.reason}"
        if (job.state, job.attempt) != (record.state, record.attempt):
            return f"{record.state} was reported, but the job is {job.state} and stays so."
        return written_line(job)

    def _after(self, job: JobRecord | None, outcome: Outcome) -> JobRecord:
        """Returns a job after an outcome, with its next attempt if one may cure the failure."""
        record = outcome.record
        if job and (job.state, job.attempt) == (JobState.FAILED, record.attempt):
            # The write of a failure makes its next attempt: this job has none left, or none that would help.
            return merge_records(job, record)
        merged = merge_records(job, record) if job else record
        decides = merged.state is JobState.FAILED and merged.attempt == record.attempt == merged.attempts[-1].number
        if not (outcome.transient and decides and merged.version and record.attempt < self._max_submissions):
            return merged
        cause = FAILED_BEFORE + (merged.reason or "no reason was given.")
        at = datetime.fromtimestamp(self._clock(), UTC)
        return merge_records(merged, record_attempt(merged, cause=cause, at=at))

    def _with_sentence_of_model(self, record: JobRecord) -> JobRecord:
        """Returns the record with the model's own sentence before SageMaker's reason, if the failure object has one."""
        if record.state is not JobState.FAILED or not (location := self._failure_location(record)):
            return record
        body = self._failures.read(location)
        sentence = failure_sentence(body) if body else None
        if not sentence:
            return record
        return replace(record, reason=f"{sentence} ({record.reason})" if record.reason else sentence)

    def _failure_location(self, record: JobRecord) -> str | None:
        """Returns where the failure is; a notification may leave that to the 202."""
        if record.result_location:
            return record.result_location
        job = self._jobs.get(record.job_id)
        locations = {attempt.number: attempt.failure_location for attempt in job.attempts} if job else {}
        return locations.get(record.attempt)


def written_line(job: JobRecord) -> str:
    """Returns the sentence for the log about a job whose outcome is recorded."""
    where = f": see {job.outcome_location}" if job.outcome_location else ""
    return f"The job is {job.state}{where}." + (f" Reason: {job.reason}" if job.reason else "")


def delay_seconds(attempt: int, first: int) -> int:
    """Returns how long an attempt waits: the second `first` seconds, each further one four times as long, up to 900."""
    delay: int = first * _FACTOR ** max(0, attempt - 2)
    return min(_LONGEST_DELAY_SECONDS, delay)
