"""One record for each event of a job, to be merged with the others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from async_endpoint.protocol.attempts import MAXIMUM_ATTEMPTS, WAITS_FOR_ADMISSION, JobState
from async_endpoint.protocol.job_record import JobRecord, JobRecordError
from async_endpoint.protocol.locations import LocationError, S3Location

if TYPE_CHECKING:
    from async_endpoint.protocol.notifications import Notification
    from async_endpoint.protocol.uploads import Upload

FAILED_BEFORE = "The attempt before it failed: "
"""How the cause of an attempt begins that no command requested; the reason of the failure follows."""


def record_received(upload: Upload, *, attempt: int = 1, claimed_until: int | None, expires_at: int) -> JobRecord:
    """Returns the record of a document in the inbox that the caller has claimed until `claimed_until`."""
    return JobRecord(
        job_id=upload.job_id,
        state=JobState.RECEIVED,
        attempt=attempt,
        **_upload(upload),
        claimed_until=claimed_until,
        expires_at=expires_at,
    )


def record_waiting(upload: Upload, *, attempt: int = 1, expires_at: int) -> JobRecord:
    """Returns the record of a document for which there is no room yet; a claim made before outweighs it."""
    return record_received(upload, attempt=attempt, claimed_until=WAITS_FOR_ADMISSION, expires_at=expires_at)


def record_submitted(
    upload: Upload,
    *,
    attempt: int = 1,
    at: datetime,
    content_type: str | None,
    output_location: str | None,
    failure_location: str | None,
    expires_at: int,
) -> JobRecord:
    """Returns the record of a request that SageMaker accepted with a 202; both locations come from the 202."""
    return JobRecord(
        job_id=upload.job_id,
        state=JobState.SUBMITTED,
        attempt=attempt,
        **_upload(upload),
        content_type=content_type,
        submitted_at=utc_timestamp(at),
        output_location=output_location,
        failure_location=failure_location,
        expires_at=expires_at,
    )


def record_rejected(upload: Upload, reason: str, *, attempt: int = 1, at: datetime, expires_at: int) -> JobRecord:
    """Returns the record of a document that cannot be submitted: its job has failed."""
    return JobRecord(
        job_id=upload.job_id,
        state=JobState.FAILED,
        attempt=attempt,
        **_upload(upload),
        ended_at=utc_timestamp(at),
        reason=reason,
        expires_at=expires_at,
    )


def record_attempt(job: JobRecord, *, cause: str, at: datetime, expires_at: int | None = None) -> JobRecord:
    """Returns the record of a job's next attempt, which waits to be submitted; merge it with the job.

    Args:
        job: The job as it is.
        cause: Why there is another attempt, in a sentence.
        at: When it was requested.
        expires_at: As `JobRecord.expires_at`; None leaves it as it is.

    Raises:
        JobRecordError: The job has no document in the inbox, is not over, or has a result.
    """
    number = job.attempts[-1].number + 1
    if job.version is None:
        raise JobRecordError(
            f"The job {job.job_id} did not come through the inbox: its caller has to submit its document again."
        )
    if not job.state.is_final or job.state is JobState.COMPLETED:
        raise JobRecordError(
            f"The job {job.job_id} is {job.state}: only one that is over without a result can be submitted again."
        )
    if number > MAXIMUM_ATTEMPTS:
        raise JobRecordError(f"The job {job.job_id} has had {MAXIMUM_ATTEMPTS} attempts: upload its document again.")
    return JobRecord(
        job_id=job.job_id,
        state=JobState.RECEIVED,
        attempt=number,
        requested_at=utc_timestamp(at),
        cause=cause,
        expires_at=expires_at or job.expires_at,
    )


def record_cancelled(job: JobRecord, reason: str, *, at: datetime) -> JobRecord:
    """Returns the record of a cancelled job; merge it with the job.

    Args:
        job: The job as it is.
        reason: A sentence.
        at: When it was cancelled.

    Raises:
        JobRecordError: The job is over already.
    """
    if job.state.is_final:
        raise JobRecordError(f"The job {job.job_id} is {job.state} already: there is nothing to cancel.")
    return JobRecord(
        job_id=job.job_id,
        state=JobState.CANCELLED,
        attempt=job.attempt,
        ended_at=utc_timestamp(at),
        reason=reason,
        expires_at=job.expires_at,
    )


def record_outcome(
    notification: Notification, *, attempt_of: tuple[str, int] | None = None, at: datetime, expires_at: int
) -> JobRecord:
    """Returns the record of an outcome that SageMaker reported, for a job of the inbox or of a client.

    Args:
        notification: Its kind is success, failure or expired.
        attempt_of: The job of the notification's InferenceId, and the number of the attempt, as
            `JobsTableWriter.find_attempt` returns them; None if the id is the job's own.
        at: The time of the outcome if the notification has none.
        expires_at: As `JobRecord.expires_at`.

    Raises:
        JobRecordError: The notification is of another kind, or has no InferenceId.
    """
    states = {"success": JobState.COMPLETED, "failure": JobState.FAILED, "expired": JobState.EXPIRED}
    state = states.get(notification.kind)
    if state is None or notification.inference_id is None:
        raise JobRecordError(
            f"A notification of the kind {notification.kind!r} for the InferenceId {notification.inference_id!r} "
            f"reports no outcome of a job: its members are {', '.join(sorted(notification.raw)) or 'none'}."
        )
    document = _location(notification.input_location)
    job_id, attempt = attempt_of or (notification.inference_id, 1)
    return JobRecord(
        job_id=job_id,
        state=state,
        attempt=attempt,
        bucket=document.bucket if document else None,
        key=document.key if document else None,
        input_location=notification.input_location,
        submitted_at=utc_timestamp(notification.received_time) if notification.received_time else None,
        output_location=notification.output_location,
        failure_location=notification.failure_location,
        ended_at=utc_timestamp(notification.event_time or at),
        reason=notification.failure_reason,
        result_location=notification.output_location if state is JobState.COMPLETED else notification.failure_location,
        expires_at=expires_at,
    )


def utc_timestamp(moment: datetime) -> str:
    """Returns a time in the format of records: `2026-01-31T23:59:59.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _upload(upload: Upload) -> dict[str, Any]:
    return {
        "bucket": upload.bucket,
        "key": upload.key,
        "version": upload.version,
        "overwritable": upload.overwritable,
        "input_location": upload.input_location,
        "received_at": utc_timestamp(upload.received_at),
    }


def _location(text: str | None) -> S3Location | None:
    """Returns bucket and key of an input location, or None for an unknown form."""
    try:
        return S3Location.from_uri(text or "")
    except LocationError:
        return None
