"""Turns a notification of SageMaker into the record of its job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from async_endpoint.protocol import JobRecord, parse_notification, record_outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from record.settings import Settings

_SECONDS_A_DAY = 86_400


class Jobs(Protocol):
    """The jobs table; implemented by `async_endpoint.protocol.JobsTableWriter`."""

    def merge(self, record: JobRecord) -> JobRecord:
        """Merges a record and returns the record that the table then holds."""


class OutcomeRecorder:
    """Records outcomes, in any order and however often each is reported.

    Args:
        jobs: The jobs table. A missing job is created: its submission may be recorded later, or never, if a client
            submitted it.
        settings: The settings of the function.
        clock: Epoch seconds.
    """

    def __init__(self, *, jobs: Jobs, settings: Settings, clock: Callable[[], float]) -> None:
        self._jobs = jobs
        self._settings = settings
        self._clock = clock

    def parse_outcome(self, message: str) -> JobRecord | None:
        """Returns the outcome in a message; None for a test message, which SageMaker sends when the endpoint changes.

        Raises:
            NotificationError: The message is not a JSON object.
            JobRecordError: It reports no outcome of a job.
        """
        notification = parse_notification(message)
        if notification.kind == "test":
            return None
        now = self._clock()
        expires_at = int(now) + self._settings.job_retention_days * _SECONDS_A_DAY
        return record_outcome(notification, at=datetime.fromtimestamp(now, UTC), expires_at=expires_at)

    def record(self, outcome: JobRecord) -> str:
        """Merges an outcome into its job and returns a sentence for the log."""
        job = self._jobs.merge(outcome)
        if job.state is not outcome.state:
            return f"{outcome.state} was reported, but the job is {job.state} and stays so."
        where = f": see {job.outcome_location}" if job.outcome_location else ""
        return f"The job is {job.state}{where}." + (f" Reason: {job.reason}" if job.reason else "")
