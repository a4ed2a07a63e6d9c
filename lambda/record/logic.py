"""Turns a notification of SageMaker into the outcome of its job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from async_endpoint.protocol import JobState, is_transient, parse_notification, record_outcome
from shared.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS_A_DAY = 86_400


class Attempts(Protocol):
    """The jobs table; implemented and documented by `async_endpoint.protocol.JobsTableWriter`."""

    def find_attempt(self, inference_id: str) -> tuple[str, int]:
        """Returns the job of an InferenceId, and the number of the attempt."""


def parse_outcome(
    message: str, *, attempts: Attempts, job_retention_days: int, clock: Callable[[], float]
) -> Outcome | None:
    """Returns the outcome in a message; None for a test message, which SageMaker sends when the endpoint changes.

    Args:
        message: The body of a message of the results queue.
        attempts: Knows the job of each attempt.
        job_retention_days: How long the table keeps a job.
        clock: Epoch seconds.

    Raises:
        NotificationError: The message is not a JSON object.
        JobRecordError: It reports no outcome of a job.
    """
    notification = parse_notification(message)
    if notification.kind == "test":
        return None
    now = clock()
    record = record_outcome(
        notification,
        attempt_of=attempts.find_attempt(notification.inference_id) if notification.inference_id else None,
        at=datetime.fromtimestamp(now, UTC),
        expires_at=int(now) + job_retention_days * _SECONDS_A_DAY,
    )
    return Outcome(record, record.state is JobState.FAILED and is_transient(record.reason))
