"""What is known of a job, and how reports of it add up whatever their order and however often each comes.

SQS, SNS and EventBridge deliver at least once and in any order. So each event is a record of its own that holds what
that event tells (`job_events`), and `merge` joins two records of one job: commutative, associative and idempotent. A
record consists of three facts, and a merge takes each fact whole from one side, never a mixture of two tellers:

    upload      bucket, key, version, overwritable, input_location, content_type, received_at
    acceptance  submitted_at, output_location, failure_location: the 202's
    outcome     state, ended_at, reason, result_location

Of two uploads or acceptances the fuller one stays, of two outcomes that of the higher state; where that leaves a
choice (the same job invoked twice, say) the earlier one, and then the smaller text, only so that the order of arrival
does not decide.
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
    """How far a job came. States are in order of rank, and a job's state only ever rises."""

    RECEIVED = "RECEIVED"
    """Claimed for submission."""
    SUBMITTED = "SUBMITTED"
    """SageMaker answered 202."""
    EXPIRED = "EXPIRED"
    """Ended: too long in the queue or with the model."""
    FAILED = "FAILED"
    """Ended without an answer, for a reason."""
    COMPLETED = "COMPLETED"
    """Ended with an answer, which outweighs any failure that was told as well."""

    @property
    def rank(self) -> int:
        """The state's place in the order, from 0."""
        return list(JobState).index(self)

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self.rank >= JobState.EXPIRED.rank


class JobRecordError(ValueError):
    """An item, or a notification, from which no record of a job can be made; one sentence."""


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """What is known of one job. Times are ISO 8601 in UTC with milliseconds and a `Z`, so that they sort as text.

    Attributes:
        job_id: The InferenceId.
        state: How far it came.
        bucket: Where the document lies, if it is an object.
        key: The object's key as S3 stores it.
        version: As `Upload.version`; None for a job that did not come by the inbox.
        overwritable: As `Upload.overwritable`.
        content_type: What SageMaker was told that the document is.
        input_location: The InputLocation that SageMaker was given.
        received_at: When the document was put into the inbox.
        submitted_at: When SageMaker took the request.
        output_location: Where SageMaker said that an answer will lie.
        failure_location: Where SageMaker said that an error will lie.
        ended_at: When the job reached its final state.
        reason: Why there is no answer.
        result_location: Where the notification says that the answer, or the error, lies.
        claimed_until: Epoch seconds at which another submission may be tried if none was recorded.
        expires_at: Epoch seconds after which the table may forget the job.
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
        """Where to read how the job ended: as the notification says or else the 202; None before the end."""
        expected = {JobState.COMPLETED: self.output_location, JobState.FAILED: self.failure_location}
        return self.result_location or expected.get(self.state)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> JobRecord:
        """Read an item of the jobs table, as boto3's Table resource or JSON has it; what is unknown is passed over.

        Raises:
            JobRecordError: The item has no id, or no state that is known here.
        """
        known: dict[str, Any] = {field.name: item[field.name] for field in fields(cls) if field.name in item}
        if not isinstance(known.get("job_id"), str) or known.get("state") not in set(JobState):
            raise JobRecordError(
                f"The item {known.get('job_id')!r} is no job: its state {known.get('state')!r} is none of "
                f"{', '.join(JobState)}."
            )
        # boto3 gives every number as a Decimal.
        known |= {name: int(known[name]) for name in ("claimed_until", "expires_at") if name in known}
        return cls(**known | {"state": JobState(known["state"])})

    def to_item(self) -> dict[str, str | int | bool]:
        """The record as an item's attributes, `updated_at` among them; what is None is left out."""
        attributes: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        attributes |= {"state": self.state.value, "updated_at": self.updated_at}
        return {name: value for name, value in attributes.items() if value is not None}


def merge(first: JobRecord, second: JobRecord) -> JobRecord:
    """What two records of one job say together: commutative, associative, idempotent.

    Raises:
        JobRecordError: They are of different jobs.
    """
    if first.job_id != second.job_id:
        raise JobRecordError(f"The records of {first.job_id} and {second.job_id} are of two jobs: merge one job's.")
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
    """The place of a fact in a total order, the preferred one first: the fuller, then the smaller values."""
    values = [getattr(record, name) for name in names]
    return values.count(None), *((value is None, value) for value in values)


def _taken(record: JobRecord, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def _later(first: int | None, second: int | None) -> int | None:
    return max((moment for moment in (first, second) if moment is not None), default=None)
