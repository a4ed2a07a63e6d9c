"""Turns a notification of SageMaker into the record of its job, and asks for another attempt where that may help."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from async_endpoint.protocol import (
    AttemptRequest,
    JobRecord,
    JobState,
    failure_sentence,
    is_transient,
    parse_notification,
    record_outcome,
)
from shared.attempts import delay_seconds, with_outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from record.settings import Settings

_SECONDS_A_DAY = 86_400


class Jobs(Protocol):
    """The jobs table; implemented and documented by `async_endpoint.protocol.JobsTableWriter`."""

    def find_attempt(self, inference_id: str) -> tuple[str, int]:
        """Returns the job of an InferenceId, and the number of the attempt."""

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


class OutcomeRecorder:
    """Records outcomes, in any order and however often each is reported.

    Args:
        jobs: The jobs table. A missing job is created: its submission may be recorded later, or never, if a client
            submitted it.
        failures: The failure objects, in which the model says what went wrong.
        attempts: Receives requests for another attempt.
        settings: The settings of the function.
        clock: Epoch seconds.
    """

    def __init__(
        self, *, jobs: Jobs, failures: Failures, attempts: Attempts, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._jobs = jobs
        self._failures = failures
        self._attempts = attempts
        self._settings = settings
        self._clock = clock

    def parse_outcome(self, message: str) -> Outcome | None:
        """Returns the outcome in a message; None for a test message, which SageMaker sends when the endpoint changes.

        Raises:
            NotificationError: The message is not a JSON object.
            JobRecordError: It reports no outcome of a job.
        """
        notification = parse_notification(message)
        if notification.kind == "test":
            return None
        now = self._clock()
        record = record_outcome(
            notification,
            attempt_of=self._jobs.find_attempt(notification.inference_id) if notification.inference_id else None,
            at=datetime.fromtimestamp(now, UTC),
            expires_at=int(now) + self._settings.job_retention_days * _SECONDS_A_DAY,
        )
        return Outcome(record, record.state is JobState.FAILED and is_transient(record.reason))

    def record(self, outcome: Outcome) -> str:
        """Merges an outcome into its job, asks for another attempt where one may help; returns a sentence for the log.

        A second delivery of the same message asks again: the submitting function submits each attempt once.
        """
        record = self._with_model_s_sentence(outcome.record)
        job = self._jobs.change(
            record.job_id,
            lambda existing: with_outcome(
                existing,
                record,
                transient=outcome.transient,
                max_submissions=self._settings.max_submissions,
                now=self._clock(),
            ),
        )
        if job.state is JobState.RECEIVED and job.attempt == record.attempt + 1:
            delay = delay_seconds(job.attempt, self._settings.retry_delay_seconds)
            self._attempts.request(AttemptRequest(job.job_id, job.attempt), delay)
            return f"{job.cause} Attempt {job.attempt} follows in {delay} s."
        if (job.state, job.attempt) != (record.state, record.attempt):
            return f"{record.state} was reported, but the job is {job.state} and stays so."
        where = f": see {job.outcome_location}" if job.outcome_location else ""
        return f"The job is {job.state}{where}." + (f" Reason: {job.reason}" if job.reason else "")

    def _with_model_s_sentence(self, record: JobRecord) -> JobRecord:
        """Returns the record with the model's own sentence as its reason, if the failure object has one."""
        if record.state is not JobState.FAILED or record.result_location is None:
            return record
        body = self._failures.read(record.result_location)
        sentence = failure_sentence(body) if body else None
        return replace(record, reason=sentence) if sentence else record
