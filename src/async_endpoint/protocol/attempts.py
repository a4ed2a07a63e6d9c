"""The attempts of a job: each is one request of the endpoint, with an InferenceId and an outcome of its own.

SageMaker forgets a request once it has an outcome: it has no second try. So another attempt is another request, for the
same document, under another InferenceId, and the jobs table leads from that id back to the job.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAXIMUM_ATTEMPTS = 999
"""The highest number of an attempt: three digits of the InferenceId."""
WAITS_FOR_ADMISSION = 0
"""The `claimed_until` of an attempt that waits for room at the endpoint. Any claim outweighs it."""

_REQUEST = ("requested_at", "cause")
_ACCEPTANCE = ("submitted_at", "output_location", "failure_location")
_OUTCOME = ("ended_at", "reason", "result_location")
_Record = TypeVar("_Record")
_ATTEMPT_ID = re.compile(r"[0-9a-f]{60}-[0-9]{3}")


class JobState(StrEnum):
    """The state of a job. States are in order of rank, and the state of an attempt only ever rises."""

    RECEIVED = "RECEIVED"
    """Not yet submitted: claimed for submission, or waiting for its next attempt."""
    SUBMITTED = "SUBMITTED"
    """SageMaker accepted the request with a 202."""
    EXPIRED = "EXPIRED"
    """Final: too long in the queue or in the model."""
    FAILED = "FAILED"
    """Final: no result, with a reason."""
    COMPLETED = "COMPLETED"
    """Final: there is a result. It outweighs a failure that was reported as well."""
    CANCELLED = "CANCELLED"
    """Final: by command. It outweighs a result that arrives all the same, which stays at its output location."""

    @property
    def rank(self) -> int:
        """The position of the state in the order, from 0."""
        return list(JobState).index(self)

    @property
    def is_final(self) -> bool:
        """Whether the state is an outcome."""
        return self.rank >= JobState.EXPIRED.rank


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One request of a job.

    Attributes:
        number: From 1.
        state: The highest state that was reported of it.
        claimed_until: As in `JobRecord`, like all further attributes.
    """

    number: int
    state: JobState
    claimed_until: int | None = None
    requested_at: str | None = None
    cause: str | None = None
    submitted_at: str | None = None
    output_location: str | None = None
    failure_location: str | None = None
    ended_at: str | None = None
    reason: str | None = None
    result_location: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Attempt:
        """Reads an attempt from the attributes of a job's item; ignores unknown attributes."""
        known: dict[str, Any] = {field.name: item[field.name] for field in fields(cls) if field.name in item}
        known |= {name: int(known[name]) for name in ("number", "claimed_until") if name in known}
        return cls(**known | {"state": JobState(known["state"])})

    def to_item(self) -> dict[str, Any]:
        """Returns its attributes without those that are None."""
        attributes = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in attributes.items() if value is not None} | {"state": self.state.value}


def attempt_id(job_id: str, number: int) -> str:
    """Returns the InferenceId of an attempt; the first has the job's own id.

    An InferenceId has at most 64 characters, and so has a job's id: a number does not fit behind it.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html

    Raises:
        ValueError: The number is below 1, or above `MAXIMUM_ATTEMPTS`.
    """
    if not 1 <= number <= MAXIMUM_ATTEMPTS:
        raise ValueError(f"Attempt {number} of job {job_id}: a job has from 1 to {MAXIMUM_ATTEMPTS} attempts.")
    if number == 1:
        return job_id
    digest = hashlib.sha256(f"{job_id}\0{number}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{digest[:60]}-{number:03}"


def is_attempt_id(inference_id: str) -> bool:
    """Returns whether an id has the form that `attempt_id` gives to later attempts."""
    return bool(_ATTEMPT_ID.fullmatch(inference_id))


def merge_attempts(first: Iterable[Attempt], second: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Merges the attempts of one job, each with the other of its number; returns them in the order of their numbers."""
    merged: dict[int, Attempt] = {}
    for attempt in (*first, *second):
        known = merged.get(attempt.number)
        merged[attempt.number] = _merge(known, attempt) if known else attempt
    return tuple(merged[number] for number in sorted(merged))


def deciding_attempt(attempts: Iterable[Attempt]) -> Attempt:
    """Returns the attempt that decides over the job.

    The latest one, unless another has a result: a late result of an attempt that was given up is a result. If the
    latest one is cancelled, so is the job.
    """
    ordered = sorted(attempts, key=lambda attempt: attempt.number)
    if ordered[-1].state is JobState.CANCELLED:
        return ordered[-1]
    return next((attempt for attempt in ordered if attempt.state is JobState.COMPLETED), ordered[-1])


def preferred(first: _Record, second: _Record, fact: tuple[str, ...]) -> _Record:
    """Returns the record from which a merge takes a fact: the more complete one, else the one with smaller values.

    Args:
        first: A record.
        second: Another of the same kind.
        fact: The names of the attributes that belong together.
    """
    return min((first, second), key=lambda record: _order(record, fact))


def _merge(first: Attempt, second: Attempt) -> Attempt:
    both = (first, second)
    outcome = min(both, key=lambda attempt: (-attempt.state.rank, _order(attempt, _OUTCOME)))
    claims = [attempt.claimed_until for attempt in both if attempt.claimed_until is not None]
    return Attempt(
        number=first.number,
        state=outcome.state,
        claimed_until=max(claims, default=None),
        **_taken(preferred(first, second, _REQUEST), _REQUEST),
        **_taken(preferred(first, second, _ACCEPTANCE), _ACCEPTANCE),
        **_taken(outcome, _OUTCOME),
    )


def _order(record: object, names: tuple[str, ...]) -> tuple[object, ...]:
    """Returns the sort key of a fact, the preferred one first: more complete, then smaller values."""
    values = [getattr(record, name) for name in names]
    return values.count(None), *((value is None, value) for value in values)


def _taken(attempt: Attempt, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(attempt, name) for name in names}
