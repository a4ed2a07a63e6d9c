"""One poll for all tasks that wait for jobs, in a thread, so that neither S3 nor the event loop is held up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from async_endpoint.client.errors import AsyncEndpointError
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Executor

    from async_endpoint.client.errors import StorageError
    from async_endpoint.client.jobs import Job
    from async_endpoint.client.result_poller import ResultPoller


@dataclass(frozen=True, eq=False)
class _Waiter:
    """A task that waits for a job, until its timeout."""

    job: Job
    gives_up: float
    future: asyncio.Future[None]


class AioPoller:
    """Polls while any task waits, for all their jobs at once. Of one event loop, and not thread-safe.

    Args:
        poller: Makes each poll.
        executor: Runs it.
        sleep: Waits that many seconds between two polls.
    """

    def __init__(self, poller: ResultPoller, executor: Executor, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._poller = poller
        self._executor = executor
        self._sleep = sleep
        self._waiters: dict[_Waiter, None] = {}
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def wait(self, job: Job, timeout: float | None) -> None:  # noqa: ASYNC109 - as of Job.result, on our clock
        """Waits until the job is settled or the timeout has passed, which is not an error. Polls at least once.

        Raises:
            StorageError: S3 could not be read.
        """
        if job.state is not JobState.SUBMITTED:
            return
        loop = asyncio.get_running_loop()
        gives_up = float("inf") if timeout is None else self._poller.clock() + timeout
        waiter = _Waiter(job, gives_up, loop.create_future())
        self._waiters[waiter] = None
        self._arrived.set()
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._poll_while_awaited())
        try:
            await waiter.future
        finally:
            self._waiters.pop(waiter, None)

    def notify(self, job: Job) -> None:
        """Ends the waits for a job that was settled without a poll."""
        for waiter in list(self._waiters):
            if waiter.job is job:
                self._end(waiter)

    def close(self) -> None:
        """Stops polling; the tasks that still wait get an error."""
        if self._task:
            self._task.cancel()
        for waiter in list(self._waiters):
            self._end(
                waiter, AsyncEndpointError(f"The client was closed; the job {waiter.job.inference_id} continues.")
            )

    async def _poll_while_awaited(self) -> None:
        interval = self._poller.interval.shortest
        while self._waiters:
            self._arrived.clear()
            began = self._poller.clock()
            found_something = await self._poll_once()
            if not self._waiters:
                return
            interval = self._poller.interval.after(interval, found_something=found_something)
            due = min(min(waiter.gives_up, waiter.job.deadline) for waiter in self._waiters)
            now = self._poller.clock()
            await self._pause(max(0.0, min(self._poller.interval.pause(interval, now - began), due - now)))
            if self._arrived.is_set():
                interval = self._poller.interval.shortest

    async def _poll_once(self) -> bool:
        """Polls for the jobs of all waiters, ends the waits that are over, and returns whether any is."""
        waiters = list(self._waiters)
        jobs = list(dict.fromkeys(waiter.job for waiter in waiters))
        polled_at = self._poller.clock()
        unreadable: dict[Job, StorageError] | dict[Job, Exception]
        try:
            unreadable = await asyncio.get_running_loop().run_in_executor(
                self._executor, self._poller.poll, jobs, polled_at
            )
        except Exception as error:  # noqa: BLE001 - every waiting task raises it
            unreadable = dict.fromkeys(jobs, error)
        over = 0
        for waiter in waiters:
            is_settled = waiter.job.state is not JobState.SUBMITTED
            error_of_job = None if is_settled else unreadable.get(waiter.job)
            if is_settled or error_of_job or waiter.gives_up <= polled_at:
                self._end(waiter, error_of_job)
                over += 1
        return over > 0

    async def _pause(self, seconds: float) -> None:
        """Sleeps; a task that arrives meanwhile shortens it to the shortest pause, however many arrive."""
        ends = self._poller.clock() + seconds
        nap = asyncio.ensure_future(self._sleep(seconds))
        arrival = asyncio.ensure_future(self._arrived.wait())
        try:
            await asyncio.wait({nap, arrival}, return_when=asyncio.FIRST_COMPLETED)
            if not nap.done():
                await self._sleep(max(0.0, min(self._poller.interval.shortest, ends - self._poller.clock())))
        finally:
            nap.cancel()
            arrival.cancel()

    def _end(self, waiter: _Waiter, error: Exception | None = None) -> None:
        self._waiters.pop(waiter, None)
        if waiter.future.done():
            return
        if error:
            waiter.future.set_exception(error)
        else:
            waiter.future.set_result(None)
