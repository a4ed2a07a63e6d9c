"""A job whose outcome is awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from async_endpoint.client.errors import ResultTimeout
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections.abc import Generator

    from async_endpoint.client.aio_poller import AioPoller
    from async_endpoint.client.errors import AsyncEndpointError
    from async_endpoint.client.jobs import Job, JobResult
    from async_endpoint.protocol import S3Location


class AioJob:
    """One submitted document, for asyncio: `await job` returns its result. Jobs come from `AioEndpoint`.

    Cancelling a task that waits for a job stops only that wait.

    Attributes:
        job: The job itself, which has everything that needs no waiting.
    """

    def __init__(self, job: Job, poller: AioPoller) -> None:
        self.job = job
        self._poller = poller

    @property
    def document(self) -> str:
        """The document's name, as `Job.document`."""
        return self.job.document

    @property
    def inference_id(self) -> str:
        """The job's id."""
        return self.job.inference_id

    @property
    def state(self) -> JobState:
        """The state that is known; reading it makes no request."""
        return self.job.state

    @property
    def output(self) -> JobResult | None:
        """The result of a COMPLETED job, else None."""
        return self.job.output

    @property
    def error(self) -> AsyncEndpointError | None:
        """The error of a FAILED, EXPIRED or CANCELLED job, else None."""
        return self.job.error

    @property
    def output_location(self) -> S3Location | None:
        """The location of the future result; None for a document that was not accepted."""
        return self.job.output_location

    @property
    def failure_location(self) -> S3Location | None:
        """The location of a future failure, as `Job.failure_location`."""
        return self.job.failure_location

    @property
    def seconds(self) -> float | None:
        """From the submission until the client found the outcome; None before."""
        return self.job.seconds

    def __await__(self) -> Generator[Any, None, JobResult]:
        return self.result().__await__()

    async def result(self, timeout: float | None = None) -> JobResult:  # noqa: ASYNC109 - as of Job.result
        """Waits for the result and returns it. Tasks that wait share the polling.

        Args:
            timeout: Seconds; None waits until the job's deadline, which always exists.

        Raises:
            AsyncEndpointError: As for `Job.result`.
        """
        await self.wait(timeout)
        if self.job.error is not None:
            raise self.job.error
        if self.job.output is None:
            raise ResultTimeout(
                f"{self.document} has no result after {timeout or 0:g} s; the job {self.inference_id} continues."
            )
        return self.job.output

    async def wait(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as of Job.result
        """Waits until the job has an outcome, good or bad, or the timeout has passed.

        Raises:
            StorageError: S3 could not be read.
        """
        await self._poller.wait(self.job, timeout)

    async def status(self) -> JobState:
        """Polls once and returns the state.

        Raises:
            StorageError: S3 could not be read.
        """
        await self.wait(0)
        return self.job.state

    async def done(self) -> bool:
        """Polls once and returns whether there is an outcome, good or bad.

        Raises:
            StorageError: S3 could not be read.
        """
        return await self.status() is not JobState.SUBMITTED

    def cancel(self) -> bool:
        """Stops waiting for the job, as `Job.cancel` does; the tasks that wait for it get a JobCancelled at once."""
        cancelled = self.job.cancel()
        self._poller.notify(self.job)
        return cancelled

    def __repr__(self) -> str:
        return f"<AioJob {self.inference_id} {self.document!r} {self.state}>"
