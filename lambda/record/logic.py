"""From a notification of SageMaker to the record of its job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from async_endpoint.protocol import JobRecord, ended, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from record.settings import Settings

_SECONDS_A_DAY = 86_400


class Jobs(Protocol):
    """The jobs table; `async_endpoint.protocol.JobTable` is one."""

    def merge(self, record: JobRecord) -> JobRecord:
        """Add what a record says; answers what the table then holds."""


class Recorder:
    """Records outcomes, in whatever order and however often they are told.

    Args:
        jobs: Where they go. A job that is not there yet is made: its submission may be recorded later, and a job that a
            client submitted by itself has none.
        settings: The function's.
        clock: Epoch seconds.
    """

    def __init__(self, *, jobs: Jobs, settings: Settings, clock: Callable[[], float]) -> None:
        self._jobs = jobs
        self._settings = settings
        self._clock = clock

    def read(self, message: str) -> JobRecord | None:
        """What a message tells; None for the test messages that SageMaker sends whenever the endpoint changes.

        Raises:
            NotificationError: The message is not a JSON object.
            JobRecordError: It tells no outcome of a job.
        """
        notification = parse(message)
        if notification.kind == "test":
            return None
        now = self._clock()
        forgotten_at = int(now) + self._settings.job_retention_days * _SECONDS_A_DAY
        return ended(notification, at=datetime.fromtimestamp(now, UTC), expires_at=forgotten_at)

    def record(self, outcome: JobRecord) -> str:
        """Add an outcome to its job; answers what is known now, in a sentence."""
        job = self._jobs.merge(outcome)
        if job.state is not outcome.state:
            return f"{outcome.state} was told, but the job is {job.state} and stays so."
        return f"The job is {job.state}: see {job.outcome_location}." + (f" Reason: {job.reason}" if job.reason else "")
