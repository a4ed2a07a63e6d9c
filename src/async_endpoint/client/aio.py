"""The client for asyncio: the same endpoint and jobs, awaited; the calls to AWS run in threads."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from async_endpoint.client.aio_jobs import AioJob
from async_endpoint.client.aio_poller import AioPoller
from async_endpoint.client.aio_stream import AioJobStream
from async_endpoint.client.endpoint import DEFAULT_CONCURRENCY, DEFAULT_GRACE_SECONDS, AsyncEndpoint
from async_endpoint.client.errors import AsyncEndpointError, AwsUnavailable, EndpointNotFound, SubmitError
from async_endpoint.client.result_names import new_inference_id, result_filename

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self, Unpack

    import boto3

    from async_endpoint.client.result_poller import PollInterval
    from async_endpoint.client.submit_options import MapOptions, SubmitOptions
    from async_endpoint.client.transport import Transport
    from async_endpoint.protocol import S3Location


class AioEndpoint:
    """One asynchronous endpoint, for asyncio: `AsyncEndpoint` whose calls are awaited.

    The calls to AWS run in its own threads, one more than `concurrency`, and all tasks that wait for jobs share one
    poll. Use it in one event loop, with `async with` or `aclose()`.

    Args:
        endpoint_name: As for `AsyncEndpoint`.
        input_location: As for `AsyncEndpoint`.
        session: As for `AsyncEndpoint`.
        transport: As for `AsyncEndpoint`.
        concurrency: As for `AsyncEndpoint`.
        max_attempts: As for `AsyncEndpoint`.
        grace_seconds: As for `AsyncEndpoint`.
        interval: As for `AsyncEndpoint`.
        clock: As for `AsyncEndpoint`.
        sleep: Waits that many seconds between two polls.
    """

    def __init__(
        self,
        endpoint_name: str,
        *,
        input_location: S3Location | str | None = None,
        session: boto3.Session | None = None,
        transport: Transport | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        max_attempts: int = 5,
        grace_seconds: float = DEFAULT_GRACE_SECONDS,
        interval: PollInterval | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.endpoint_name = endpoint_name
        self.concurrency = concurrency
        # boto3 reads files when it makes its clients: in a thread, by the first call.
        self._make = partial(
            AsyncEndpoint,
            endpoint_name,
            input_location=input_location,
            session=session,
            transport=transport,
            concurrency=concurrency,
            max_attempts=max_attempts,
            grace_seconds=grace_seconds,
            interval=interval,
            clock=clock,
        )
        self._sleep = sleep
        # One more than the submissions: a poll never waits for all of them.
        self._executor = ThreadPoolExecutor(concurrency + 1, thread_name_prefix="async-endpoint")
        self._turns = asyncio.Semaphore(concurrency)
        self._opening: asyncio.Task[tuple[AsyncEndpoint, AioPoller]] | None = None
        self._poller: AioPoller | None = None
        self._is_closed = False

    async def submit(
        self,
        document: Path | bytes | S3Location | str,
        *,
        on_submitted: Callable[[AioJob], None] | None = None,
        **options: Unpack[SubmitOptions],
    ) -> AioJob:
        """Uploads a document, unless it is in S3 already or sent inline, and submits it to the endpoint.

        If the task is cancelled before the call to AWS begins, nothing is submitted; one that has begun finishes.

        Args:
            document: As for `AsyncEndpoint.submit`.
            on_submitted: Called in the event loop with the job once it is accepted, also if the task was cancelled.
            options: As for `AsyncEndpoint.submit`.

        Raises:
            SubmitError: As for `AsyncEndpoint.submit`.
        """
        endpoint, poller = await self._opened()
        await self._turns.acquire()
        try:
            call = self._in_thread(lambda: AioJob(endpoint.submit(document, **options), poller))
        except BaseException:
            self._turns.release()
            raise

        def over(call: asyncio.Future[AioJob]) -> None:
            self._turns.release()
            if not call.cancelled() and call.exception() is None and on_submitted:
                on_submitted(call.result())

        call.add_done_callback(over)
        return await asyncio.shield(call)

    def map(
        self,
        documents: Iterable[Path | bytes | S3Location | str] | AsyncIterable[Path | bytes | S3Location | str],
        *,
        ordered: bool = True,
        concurrency: int | None = None,
        timeout: float | None = None,
        on_submitted: Callable[[AioJob], None] | None = None,
        **options: Unpack[MapOptions],
    ) -> AsyncGenerator[AioJob, None]:
        """Submits documents while it yields the jobs that have an outcome, as `AsyncEndpoint.map` does.

        Args:
            documents: As for `submit`, from an iterable or an async iterable; both may be endless. A thread consumes an
                iterable that is not async.
            ordered: As for `AsyncEndpoint.map`.
            concurrency: How many submissions at once; at most the endpoint's own, which is the default.
            timeout: As for `AsyncEndpoint.map`.
            on_submitted: Called in the event loop with each job that was accepted or rejected.
            options: As for `submit`, for all documents.

        Raises:
            EndpointNotFound: As for `AsyncEndpoint.map`.
            AwsUnavailable: As for `AsyncEndpoint.map`.
            ResultTimeout: As for `AsyncEndpoint.map`.
            StorageError: As for `AsyncEndpoint.map`.
        """

        async def submit(document: Path | bytes | S3Location | str) -> AioJob:
            try:
                job_id = new_inference_id()
                named: SubmitOptions = {**options, "inference_id": job_id, "filename": result_filename(job_id)}
                job = await self.submit(document, on_submitted=on_submitted, **named)
            except (EndpointNotFound, AwsUnavailable):
                raise
            except SubmitError as error:
                endpoint, poller = await self._opened()
                job = AioJob(endpoint.not_accepted(document, error), poller)
                if on_submitted:
                    on_submitted(job)
            job.job.has_new_key = True
            return job

        return AioJobStream(submit, concurrency or self.concurrency).jobs(documents, timeout, ordered=ordered)

    async def aclose(self) -> None:
        """Stops polling and waits for the calls to AWS that are in progress; accepted jobs continue."""
        self._is_closed = True
        if self._poller:
            self._poller.close()
        await asyncio.to_thread(self._executor.shutdown)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _opened(self) -> tuple[AsyncEndpoint, AioPoller]:
        """Returns the endpoint and the poller, which the first call makes."""
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> tuple[AsyncEndpoint, AioPoller]:
        endpoint = await self._in_thread(self._make)
        self._poller = AioPoller(replace(endpoint.poller, executor=self._executor), self._executor, self._sleep)
        return endpoint, self._poller

    def _in_thread(self, call: Callable[[], Any]) -> asyncio.Future[Any]:
        if self._is_closed:
            raise AsyncEndpointError(f"The client of {self.endpoint_name} was closed: make another one.")
        return asyncio.get_running_loop().run_in_executor(self._executor, call)
