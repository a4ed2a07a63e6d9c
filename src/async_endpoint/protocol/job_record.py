"""The record of a job, and how to merge two records of the same job.

SQS, SNS and EventBridge deliver at least once and in any order. So each event becomes a record that holds only what the
event reports (`job_events`), and `merge_records` joins two records of one job. The merge is commutative, associative
and idempotent. A record consists of an upload and of one or more attempts (`attempts`); a merge takes each fact whole
from one of the two records:

    upload      bucket, key, version, overwritable, input_location, content_type, received_at
    request     requested_at, cause: why there is another attempt
    acceptance  submitted_at, output_location, failure_location: from the 202 response
    outcome     state, ended_at, reason, result_location

Of two uploads, requests or acceptances the merge keeps the more complete one, of two outcomes of an attempt the one
with the higher state. A tie (the same attempt invoked twice, for example) goes to the earlier fact, then to the smaller
text, so that the order of arrival has no influence. The facts at the top of a record are those of the attempt that
decides (`deciding_attempt`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from async_endpoint.protocol.attempts import (
    WAITS_FOR_ADMISSION,
    Attempt,
    JobState,
    deciding_attempt,
    merge_attempts,
    preferred,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_UPLOAD = ("received_at", "version", "content_type", "input_location", "bucket", "key", "overwritable")
# The facts of an attempt that have the same name in a record.
_SHARED = tuple(field.name for field in fields(Attempt) if field.name != "number")
_NUMBERS = ("attempt", "claimed_until", "expires_at")


class JobRecordError(ValueError):
    """An item or a notification that is not a valid record of a job; the message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """The known facts about one job. Times are ISO 8601 in UTC with milliseconds and a `Z`, so that they sort as text.

    Attributes:
        job_id: The InferenceId.
        state: The state of the attempt that decides.
        bucket: The bucket of the document, if the document is an object.
        key: The object's key as S3 stores it.
        version: As `Upload.version`; None for a job that did not come through the inbox.
        overwritable: As `Upload.overwritable`.
        content_type: The ContentType of the request.
        input_location: The document. For a job of the inbox, as `Upload.input_location`; else the request's
            InputLocation.
        received_at: When the document was put into the inbox.
        submitted_at: When SageMaker accepted the request.
        output_location: The OutputLocation of the 202.
        failure_location: The FailureLocation of the 202.
        ended_at: When the job reached its final state.
        reason: Why there is no result.
        result_location: The location of the result, or of the error, in the notification.
        claimed_until: Epoch seconds at which the claim expires and another caller may submit the document;
            `WAITS_FOR_ADMISSION` while there was no room for it.
        attempt: The number of the attempt that decides, from 1; the facts around it are this attempt's.
        requested_at: When this attempt was requested; None for the first, which the upload requests.
        cause: Why this attempt was requested, in a sentence; None for the first.
        other_attempts: The other attempts, in the order of their numbers.
        expires_at: Epoch seconds after which the table may delete the job.
    """

    job_id: str
    state: JobState
    bucket: str | None = None
    key: str | None = None
    version: str | None = None
    overwritable: bool = False
    content_type: str | None = None
    input_location: str | None = None
    received_at: str | None = None
    submitted_at: str | None = None
    output_location: str | None = None
    failure_location: str | None = None
    ended_at: str | None = None
    reason: str | None = None
    result_location: str | None = None
    claimed_until: int | None = None
    attempt: int = 1
    requested_at: str | None = None
    cause: str | None = None
    other_attempts: tuple[Attempt, ...] = ()
    expires_at: int | None = None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All attempts, in the order of their numbers."""
        own = Attempt(number=self.attempt, **{name: getattr(self, name) for name in _SHARED})
        return tuple(sorted((own, *self.other_attempts), key=lambda attempt: attempt.number))

    @property
    def updated_at(self) -> str | None:
        """When the job reached its state."""
        if self.state.is_final:
            return self.ended_at
        if self.state is JobState.SUBMITTED:
            return self.submitted_at
        return self.requested_at or self.received_at

    @property
    def waits_for_admission(self) -> bool:
        """Whether it was put aside until there is room for it: no message will submit it before somebody asks."""
        return self.state is JobState.RECEIVED and self.claimed_until == WAITS_FOR_ADMISSION

    @property
    def outcome_location(self) -> str | None:
        """The object with the result or the error, from the notification or else from the 202; None if still open."""
        expected = {JobState.COMPLETED: self.output_location, JobState.FAILED: self.failure_location}
        return self.result_location or expected.get(self.state)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> JobRecord:
        """Reads an item of the jobs table, from boto3's Table resource or from JSON; ignores unknown attributes.

        Raises:
            JobRecordError: The item has no id, or an unknown state.
        """
        known: dict[str, Any] = {field.name: item[field.name] for field in fields(cls) if field.name in item}
        if not isinstance(known.get("job_id"), str) or known.get("state") not in set(JobState):
            raise JobRecordError(
                f"The item {known.get('job_id')!r} is not a job: its state {known.get('state')!r} is none of "
                f"{', '.join(JobState)}."
            )
        # boto3 gives every number as a Decimal.
        known |= {name: int(known[name]) for name in _NUMBERS if name in known}
        known |= {"other_attempts": tuple(map(Attempt.from_item, known.get("other_attempts", ())))}
        return cls(**known | {"state": JobState(known["state"])})

    def to_item(self) -> dict[str, Any]:
        """Returns the attributes of the item, including `updated_at` and without those that are None.

        A job with one attempt has no attributes of attempts, as in tables of earlier versions.
        """
        attributes: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        attributes |= {
            "state": self.state.value,
            "updated_at": self.updated_at,
            "attempt": None if self.attempt == 1 else self.attempt,
            "other_attempts": [attempt.to_item() for attempt in self.other_attempts] or None,
        }
        return {name: value for name, value in attributes.items() if value is not None}


def merge_records(first: JobRecord, second: JobRecord) -> JobRecord:
    """Merges two records of one job: commutative, associative, idempotent.

    Raises:
        JobRecordError: The records belong to different jobs.
    """
    if first.job_id != second.job_id:
        raise JobRecordError(
            f"The records of {first.job_id} and {second.job_id} belong to two jobs: merge records of one job."
        )
    upload = preferred(first, second, _UPLOAD)
    attempts = merge_attempts(first.attempts, second.attempts)
    deciding = deciding_attempt(attempts)
    return JobRecord(
        job_id=first.job_id,
        **{name: getattr(upload, name) for name in _UPLOAD},
        attempt=deciding.number,
        **{name: getattr(deciding, name) for name in _SHARED},
        other_attempts=tuple(attempt for attempt in attempts if attempt is not deciding),
        expires_at=max(
            (moment for moment in (first.expires_at, second.expires_at) if moment is not None), default=None
        ),
    )
