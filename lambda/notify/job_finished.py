"""The event of a finished job; docs/job-finished.schema.json and docs/events.md describe it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notify.changes import Change

SOURCE = "async-endpoint"
DETAIL_TYPE = "Job Finished"
SCHEMA_VERSION = "1"
WEBHOOK = "webhook"
"""The further member of a stage with a webhook: the body of its request."""


@dataclass(frozen=True, kw_only=True)
class JobFinished:
    """The detail of the event. Times are those of the job's record.

    Attributes:
        schema_version: Changes when a member is removed, or means something else; further members may come at any time.
        deduplication_key: Job, attempt and state: equal for two events of one outcome.
        endpoint_name: The endpoint.
        job_id: The job.
        state: COMPLETED, FAILED, EXPIRED or CANCELLED.
        attempt: The number of the attempt that decided, from 1.
        revision: Of two events of one job, the one with the higher revision is newer.
        bucket: The document's bucket; None, like every member below, if it is unknown or does not apply.
        key: The document's key.
        version: The document's version, as in the job's record.
        input_location: The InputLocation of the request.
        outcome_location: Where the result is, or the error.
        reason: Why there is no result.
        received_at: When the document was put into the inbox.
        submitted_at: When SageMaker accepted the request.
        ended_at: When the job reached its state.
    """

    schema_version: str
    deduplication_key: str
    endpoint_name: str
    job_id: str
    state: str
    attempt: int
    revision: int
    bucket: str | None
    key: str | None
    version: str | None
    input_location: str | None
    outcome_location: str | None
    reason: str | None
    received_at: str | None
    submitted_at: str | None
    ended_at: str | None

    @classmethod
    def from_change(cls, change: Change, *, endpoint_name: str) -> JobFinished:
        """Returns the event of a write that gave a job its outcome."""
        job = change.after
        return cls(
            schema_version=SCHEMA_VERSION,
            deduplication_key=f"{job.job_id}.{job.attempt}.{job.state.value}",
            endpoint_name=endpoint_name,
            job_id=job.job_id,
            state=job.state.value,
            attempt=job.attempt,
            revision=change.revision,
            bucket=job.bucket,
            key=job.key,
            version=job.version,
            input_location=job.input_location,
            outcome_location=job.outcome_location,
            reason=job.reason,
            received_at=job.received_at,
            submitted_at=job.submitted_at,
            ended_at=job.ended_at,
        )

    def to_detail(self) -> dict[str, str | int | None]:
        """Returns all members, those that are None included."""
        return asdict(self)
