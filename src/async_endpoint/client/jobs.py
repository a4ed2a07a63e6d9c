"""A job: one document on its way through the endpoint, and what became of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from async_endpoint.client.errors import ResultTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from async_endpoint.client.errors import AsyncEndpointError
    from async_endpoint.client.transport import Acceptance
    from async_endpoint.protocol import S3Location


class JobState(StrEnum):
    """What the client knows of a job. Between acceptance and answer SageMaker tells nothing: it is QUEUED."""

    QUEUED = "QUEUED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class Answer:
    """What the model answered.

    Attributes:
        body: The output object's content.
        content_type: Its media type, if the container named one.
        stored_at: When the output object was written, on the service's clock, in whole seconds.
    """

    body: bytes
    content_type: str | None
    stored_at: datetime

    def json(self) -> Any:  # a JSON document can be anything
        """The answer as JSON.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.body)


class Job:
    """One document's way through the endpoint, in the manner of a future.

    Attributes:
        document: The document's name: its path as given, its s3 URI, or just "document" for bytes.
        inference_id: The job's id.
        acceptance: The endpoint's 202; None for a document that was never taken, whose `error` says why.
        deadline: When the client stops waiting, on its own clock: TTL, processing time and a grace after submission.
        submitted_at: On the client's clock, seconds.
        settled_at: When the client learnt of the end, on its own clock; None before.
        state: What is known so far; reading it asks nobody.
        answer: Of a COMPLETED job, else None.
        error: Of a FAILED or EXPIRED job, else None.
    """

    def __init__(  # one keyword for each thing that is known from the start
        self,
        *,
        document: str,
        inference_id: str,
        acceptance: Acceptance | None,
        submitted_at: float,
        deadline: float,
        wait: Callable[[Iterable[Job], float | None], None],
    ) -> None:
        self.document = document
        self.inference_id = inference_id
        self.acceptance = acceptance
        self.submitted_at = submitted_at
        self.deadline = deadline
        self.settled_at: float | None = None
        self.state = JobState.QUEUED
        self.answer: Answer | None = None
        self.error: AsyncEndpointError | None = None
        self._wait = wait

    @property
    def output_location(self) -> S3Location | None:
        """Where the answer will lie, as the endpoint said; None for a document that was never taken."""
        return self.acceptance.output_location if self.acceptance else None

    @property
    def failure_location(self) -> S3Location | None:
        """Where a failure will be told; None if the document was never taken, or without a failure path."""
        return self.acceptance.failure_location if self.acceptance else None

    @property
    def seconds(self) -> float | None:
        """From submission to the end as the client saw it; None before."""
        return None if self.settled_at is None else self.settled_at - self.submitted_at

    def status(self) -> JobState:
        """Look once whether the job has ended.

        Raises:
            StorageError: S3 could not be asked.
        """
        self._wait([self], 0)
        return self.state

    def done(self) -> bool:
        """Look once; whether the job has ended, well or not.

        Raises:
            StorageError: S3 could not be asked.
        """
        return self.status() is not JobState.QUEUED

    def result(self, timeout: float | None = None) -> Answer:
        """Wait for the answer.

        To wait for many jobs use `AsyncEndpoint.as_completed` or `collect`: they share the looking.

        Args:
            timeout: Seconds; None waits until the job's deadline, which always exists.

        Raises:
            JobFailed: The job failed; `.reason` says why.
            JobExpired: The job's deadline passed.
            SubmitError: The document was never taken (jobs of `submit_many`).
            ResultTimeout: `timeout` passed; the job goes on.
            StorageError: S3 could not be asked.
        """
        self._wait([self], timeout)
        if self.error is not None:
            raise self.error
        if self.answer is None:
            raise ResultTimeout(
                f"{self.document} has no answer after {timeout or 0:g} s; the job {self.inference_id} goes on."
            )
        return self.answer

    def settle(self, at: float, outcome: Answer | AsyncEndpointError, state: JobState) -> None:
        """Record the end of the job, once; called by whoever found it."""
        if self.state is not JobState.QUEUED:
            return
        if isinstance(outcome, Answer):
            self.answer = outcome
        else:
            self.error = outcome
        self.settled_at = at
        self.state = state

    def __repr__(self) -> str:
        return f"<Job {self.inference_id} {self.document!r} {self.state}>"
