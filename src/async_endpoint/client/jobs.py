"""A job: one document on its way through the endpoint, and its outcome."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from async_endpoint.client.errors import JobCancelled, ResultTimeout
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from async_endpoint.client.errors import AsyncEndpointError
    from async_endpoint.client.transport import Acceptance
    from async_endpoint.protocol import S3Location


@dataclass(frozen=True)
class JobResult:
    """The result that the model returned for a document.

    Attributes:
        body: The content of the output object.
        content_type: Its media type, if the container set one.
        stored_at: When the output object was written, on the service's clock, in whole seconds.
    """

    body: bytes
    content_type: str | None
    stored_at: datetime

    def json(self) -> Any:  # a JSON document can be anything
        """Returns the parsed JSON body.

        Raises:
            ValueError: The body is not JSON.
        """
        return json.loads(self.body)


class Job:
    """One submitted document. Jobs come from `AsyncEndpoint.submit` and `submit_many`.

    Attributes:
        document: The document's name: its path as given, its s3 URI, or just "document" for bytes.
        inference_id: The job's id.
        acceptance: The endpoint's 202; None for a document that was not accepted, whose `error` has the reason.
        deadline: When the client stops waiting, on its own clock: TTL, processing time and a grace after submission.
        has_new_key: Whether no earlier job can have written to the job's locations, so that their objects need no
            check of their age.
        submitted_at: On the client's clock, seconds.
        settled_at: When the client found the outcome, on its own clock; None before.
        state: SUBMITTED until it is COMPLETED, FAILED, EXPIRED or CANCELLED: between acceptance and outcome SageMaker
            reports nothing. Reading it makes no request.
        output: The result of a COMPLETED job, else None.
        error: The error of a FAILED, EXPIRED or CANCELLED job, else None.
    """

    def __init__(
        self,
        *,
        document: str,
        inference_id: str,
        acceptance: Acceptance | None,
        submitted_at: float,
        deadline: float,
        wait: Callable[[Iterable[Job], float | None], None],
        has_new_key: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.document = document
        self.inference_id = inference_id
        self.acceptance = acceptance
        self.submitted_at = submitted_at
        self.deadline = deadline
        self.has_new_key = has_new_key
        self.settled_at: float | None = None
        self.state = JobState.SUBMITTED
        self.output: JobResult | None = None
        self.error: AsyncEndpointError | None = None
        self._wait = wait
        self._clock = clock
        self._settling = Lock()

    @property
    def output_location(self) -> S3Location | None:
        """The location of the future result, from the 202; None for a document that was not accepted."""
        return self.acceptance.output_location if self.acceptance else None

    @property
    def failure_location(self) -> S3Location | None:
        """The location of a future failure; None for a document that was not accepted, or without a failure path."""
        return self.acceptance.failure_location if self.acceptance else None

    @property
    def seconds(self) -> float | None:
        """From the submission until the client found the outcome; None before."""
        return None if self.settled_at is None else self.settled_at - self.submitted_at

    def status(self) -> JobState:
        """Polls once and returns the state.

        Raises:
            StorageError: S3 could not be read.
        """
        self._wait([self], 0)
        return self.state

    def done(self) -> bool:
        """Polls once and returns whether there is an outcome, good or bad.

        Raises:
            StorageError: S3 could not be read.
        """
        return self.status() is not JobState.SUBMITTED

    def result(self, timeout: float | None = None) -> JobResult:
        """Waits for the result and returns it.

        To wait for many jobs use `AsyncEndpoint.as_completed` or `collect`: they share the polling.

        Args:
            timeout: Seconds; None waits until the job's deadline, which always exists.

        Raises:
            JobFailed: The job failed; `.reason` has the reason.
            JobExpired: The job's deadline passed.
            JobCancelled: `cancel` was called.
            SubmitError: The document was not accepted (jobs of `submit_many`).
            ResultTimeout: `timeout` passed; the job continues.
            StorageError: S3 could not be read.
        """
        self._wait([self], timeout)
        if self.error is not None:
            raise self.error
        if self.output is None:
            raise ResultTimeout(
                f"{self.document} has no result after {timeout or 0:g} s; the job {self.inference_id} continues."
            )
        return self.output

    def cancel(self) -> bool:
        """Stops waiting for the job: marks it CANCELLED here, unless it has an outcome already.

        SageMaker has no call to withdraw a request: it is processed all the same, costs the same, and its result stays
        at `output_location`. A thread that waits for the job notices after its current pause.

        Returns:
            Whether the job is cancelled.
        """
        reason = f"{self.document} was cancelled here; its request {self.inference_id} may still run."
        self.settle(self._clock(), JobCancelled(reason), JobState.CANCELLED)
        return self.state is JobState.CANCELLED

    def settle(self, at: float, outcome: JobResult | AsyncEndpointError, state: JobState) -> None:
        """Stores the outcome of the job; only the first call counts, whichever thread makes it."""
        with self._settling:
            if self.state is not JobState.SUBMITTED:
                return
            if isinstance(outcome, JobResult):
                self.output = outcome
            else:
                self.error = outcome
            self.settled_at = at
            self.state = state

    def __repr__(self) -> str:
        return f"<Job {self.inference_id} {self.document!r} {self.state}>"
