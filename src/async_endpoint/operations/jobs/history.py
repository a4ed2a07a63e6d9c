"""The story of a job, from its record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from async_endpoint.protocol import WAITS_FOR_ADMISSION, JobState, attempt_id, utc_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from async_endpoint.protocol import Attempt, JobRecord


@dataclass(frozen=True)
class Event:
    """Something that happened to a job.

    Attributes:
        at: When, in the format of records; None if the record does not say.
        attempt: The number of the attempt; None for the upload.
        what: `received`, `requested`, `waits`, `claimed`, `submitted`, or an outcome in small letters.
        text: The facts, in words.
    """

    at: str | None
    attempt: int | None
    what: str
    text: str


def history_of(job: JobRecord) -> list[Event]:
    """Returns the events of a job in the order of time; one without a time comes after the one that it follows."""
    events = list(_events(job))
    times: list[str] = []
    for event in events:
        times.append(event.at or (times[-1] if times else ""))
    # The sort is stable: at the same time, the order of the attempts holds.
    return [event for _, event in sorted(zip(times, events, strict=True), key=lambda pair: pair[0])]


def _events(job: JobRecord) -> Iterator[Event]:
    if job.received_at:
        version = f", version {job.version}" if job.version else ""
        yield Event(job.received_at, None, "received", f"s3://{job.bucket}/{job.key}{version}")
    for attempt in job.attempts:
        yield from _events_of(job.job_id, attempt)


def _events_of(job_id: str, attempt: Attempt) -> Iterator[Event]:
    number = attempt.number
    if attempt.requested_at or attempt.cause:
        yield Event(attempt.requested_at, number, "requested", attempt.cause or "")
    if attempt.state is JobState.RECEIVED and attempt.claimed_until == WAITS_FOR_ADMISSION:
        yield Event(None, number, "waits", "for admission")
    if attempt.claimed_until and attempt.submitted_at is None:
        until = utc_timestamp(datetime.fromtimestamp(attempt.claimed_until, UTC))
        yield Event(None, number, "claimed", f"for submission, until {until}")
    if attempt.submitted_at:
        yield Event(attempt.submitted_at, number, "submitted", f"InferenceId {attempt_id(job_id, number)}")
    if attempt.state.is_final:
        yield Event(attempt.ended_at, number, attempt.state.lower(), _outcome(attempt))


def _outcome(attempt: Attempt) -> str:
    expected = {
        JobState.COMPLETED: attempt.output_location,
        JobState.FAILED: attempt.failure_location,
        JobState.CANCELLED: attempt.output_location and f"{attempt.output_location}, if the request still runs",
    }
    location = attempt.result_location or expected.get(attempt.state)
    return " → ".join(part for part in (attempt.reason, location) if part)
