"""The record of a job, and how to merge two records of the same job.

SQS, SNS and EventBridge deliver at least once and in any order. So each event becomes a record that holds only what the
event reports (`job_events`), and `merge_records` joins two records of one job. The merge is commutative, associative
and idempotent. A record consists of three facts, and a merge takes each fact whole from one of the two records:

    upload      bucket, key, version, overwritable, input_location, content_type, received_at
    acceptance  submitted_at, output_location, failure_location: from the 202 response
    outcome     state, ended_at, reason, result_location

Of two uploads or acceptances the merge keeps the more complete one, of two outcomes the one with the higher state. A
tie (the same job invoked twice, for example) goes to the earlier fact, then to the smaller text, so that the order of
arrival has no influence.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_UPLOAD = ("received_at", "version", "content_type", "input_location", "bucket", "key", "overwritable")
_ACCEPTANCE = ("submitted_at", "output_location", "failure_location")
_OUTCOME = ("ended_at", "reason", "result_location")


class JobState(StrEnum):
    """The state of a job. States are in order of rank, and a job's state only ever rises."""

    RECEIVED = "RECEIVED"
    """Claimed for submission."""
    SUBMITTED = "SUBMITTED"
    """SageMaker accepted the request with a 202."""
    EXPIRED = "EXPIRED"
    """Final: too long in the queue or in the model."""
    FAILED = "FAILED"
    """Final: no result, with a reason."""
    COMPLETED = "COMPLETED"
    """Final: there is a result. It outweighs a failure that was reported as well."""

    @property
    def rank(self) -> int:
        """The position of the state in the order, from 0."""
        return list(JobState).index(self)

    @property
    def is_final(self) -> bool:
        """Whether the state is an outcome."""
        return self.rank >= JobState.EXPIRED.rank


class JobRecordError(ValueError):
    """An item or a notification that is not a valid record of a job; the message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """The known facts about one job. Times are ISO 8601 in UTC with milliseconds and a `Z`, so that they sort as text.

    Attributes:
        job_id: The InferenceId.
        state: The highest state that was reported.
        bucket: The bucket of the document, if the document is an object.
        key: The object's key as S3 stores it.
        version: As `Upload.version`; None for a job that did not come through the inbox.
        overwritable: As `Upload.overwritable`.
        content_type: The ContentType of the request.
        input_location: The InputLocation of the request.
        received_at: When the document was put into the inbox.
        submitted_at: When SageMaker accepted the request.
        output_location: The OutputLocation of the 202.
        failure_location: The FailureLocation of the 202.
        ended_at: When the job reached its final state.
        reason: Why there is no result.
        result_location: The location of the result, or of the error, in the notification.
        claimed_until: Epoch seconds at which the claim expires and another caller may submit the document.
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
    expires_at: int | None = None

    @property
    def updated_at(self) -> str | None:
        """When the job reached its state."""
        if self.state.is_final:
            return self.ended_at
        return self.submitted_at if self.state is JobState.SUBMITTED else self.received_at

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
        known |= {name: int(known[name]) for name in ("claimed_until", "expires_at") if name in known}
        return cls(**known | {"state": JobState(known["state"])})

    def to_item(self) -> dict[str, str | int | bool]:
        """Returns the attributes of the item, including `updated_at` and without those that are None."""
        attributes: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        attributes |= {"state": self.state.value, "updated_at": self.updated_at}
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
    both = (first, second)
    upload = min(both, key=lambda record: _order(record, _UPLOAD))
    acceptance = min(both, key=lambda record: _order(record, _ACCEPTANCE))
    outcome = min(both, key=lambda record: (-record.state.rank, _order(record, _OUTCOME)))
    return JobRecord(
        job_id=first.job_id,
        state=outcome.state,
        claimed_until=_later(first.claimed_until, second.claimed_until),
        expires_at=_later(first.expires_at, second.expires_at),
        **_taken(upload, _UPLOAD),
        **_taken(acceptance, _ACCEPTANCE),
        **_taken(outcome, _OUTCOME),
    )


def _order(record: JobRecord, names: tuple[str, ...]) -> tuple[object, ...]:
    """Returns the sort key of a fact, the preferred one first: more complete, then smaller values."""
    values = [getattr(record, name) for name in names]
    return values.count(None), *((value is None, value) for value in values)


def _taken(record: JobRecord, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def _later(first: int | None, second: int | None) -> int | None:
    return max((moment for moment in (first, second) if moment is not None), default=None)
