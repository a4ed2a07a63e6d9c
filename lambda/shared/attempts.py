"""Another attempt of a job whose failure it may cure, for every function that records outcomes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from async_endpoint.protocol import JobState, merge_records, record_attempt

if TYPE_CHECKING:
    from async_endpoint.protocol import JobRecord

# Longer delays than SQS takes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
LONGEST_DELAY_SECONDS = 900
_FACTOR = 4


def with_outcome(
    job: JobRecord | None, outcome: JobRecord, *, transient: bool, max_submissions: int, now: float
) -> JobRecord:
    """Returns a job after an outcome, with its next attempt if the outcome is a failure that one may cure.

    Args:
        job: The job as it is; None for a new one.
        outcome: The record of the outcome.
        transient: Whether another attempt may succeed.
        max_submissions: The number of attempts after which a failure is final.
        now: Epoch seconds.
    """
    merged = merge_records(job, outcome) if job else outcome
    decides = merged.attempt == outcome.attempt and merged.state is JobState.FAILED is outcome.state
    # Later attempts exist already where the same outcome is reported twice.
    latest = merged.attempts[-1].number == outcome.attempt
    if not (transient and decides and latest and merged.version and outcome.attempt < max_submissions):
        return merged
    cause = f"Attempt {outcome.attempt} failed: {merged.reason or 'no reason was given'}"
    return merge_records(merged, record_attempt(merged, cause=cause, at=datetime.fromtimestamp(now, UTC)))


def delay_seconds(attempt: int, first: int) -> int:
    """Returns how long an attempt waits: the second `first` seconds, each further one four times as long, up to 900."""
    return min(LONGEST_DELAY_SECONDS, first * _FACTOR ** max(0, attempt - 2))
