"""What each event tells of a job, as a record to be merged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from async_endpoint.protocol.job_record import JobRecord, JobRecordError, JobState
from async_endpoint.protocol.locations import LocationError, S3Location

if TYPE_CHECKING:
    from async_endpoint.protocol.notifications import Notification
    from async_endpoint.protocol.uploads import Upload


def received(upload: Upload, *, claimed_until: int, expires_at: int) -> JobRecord:
    """A document was put into the inbox, and somebody has until `claimed_until` to submit it."""
    return JobRecord(
        job_id=upload.job_id,
        state=JobState.RECEIVED,
        **_upload(upload),
        claimed_until=claimed_until,
        expires_at=expires_at,
    )


def submitted(  # one keyword for each thing that the 202 says
    upload: Upload,
    *,
    at: datetime,
    content_type: str | None,
    output_location: str | None,
    failure_location: str | None,
    expires_at: int,
) -> JobRecord:
    """SageMaker answered 202; the two locations are those of its answer."""
    return JobRecord(
        job_id=upload.job_id,
        state=JobState.SUBMITTED,
        **_upload(upload),
        content_type=content_type,
        submitted_at=utc_timestamp(at),
        output_location=output_location,
        failure_location=failure_location,
        expires_at=expires_at,
    )


def rejected(upload: Upload, reason: str, *, at: datetime, expires_at: int) -> JobRecord:
    """The document did not reach SageMaker, and never will: it failed."""
    return JobRecord(
        job_id=upload.job_id,
        state=JobState.FAILED,
        **_upload(upload),
        ended_at=utc_timestamp(at),
        reason=reason,
        expires_at=expires_at,
    )


def ended(notification: Notification, *, at: datetime, expires_at: int) -> JobRecord:
    """SageMaker told how a request ended, be it one of the inbox or a client's own.

    Args:
        notification: One of the kinds success, failure and expired.
        at: Stands in for the notification's time where it has none.
        expires_at: As `JobRecord.expires_at`.

    Raises:
        JobRecordError: The notification is of another kind, or names no InferenceId.
    """
    states = {"success": JobState.COMPLETED, "failure": JobState.FAILED, "expired": JobState.EXPIRED}
    state = states.get(notification.kind)
    if state is None or notification.inference_id is None:
        raise JobRecordError(
            f"A notification of the kind {notification.kind!r} for the InferenceId {notification.inference_id!r} "
            f"tells no outcome of a job: its members are {', '.join(sorted(notification.raw)) or 'none'}."
        )
    place = _place(notification.input_location)
    return JobRecord(
        job_id=notification.inference_id,
        state=state,
        bucket=place.bucket if place else None,
        key=place.key if place else None,
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
    """A moment as records spell it: `2026-01-31T23:59:59.000Z`."""
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


def _place(location: str | None) -> S3Location | None:
    """Bucket and key of an input location; None where it is in no form that is known here."""
    try:
        return S3Location.parse(location or "")
    except LocationError:
        return None
