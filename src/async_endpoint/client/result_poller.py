"""Polls for the results of many jobs: lists their prefixes, fetches new objects, gives up at each job's deadline."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from async_endpoint.client.errors import JobExpired, JobFailed, StorageError
from async_endpoint.client.jobs import Job, JobResult
from async_endpoint.client.listing import find_existing
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from async_endpoint.client.transport import Payload, StoredObject, Transport
    from async_endpoint.protocol import S3Location

_CLOCK_TOLERANCE = timedelta(seconds=5)
_LONGEST_REASON = 2000


@dataclass(frozen=True)
class PollInterval:
    """Seconds between two polls: short at first and while results arrive, longer while nothing happens."""

    shortest: float = 0.15
    growth: float = 1.5
    longest: float = 4.0

    def after(self, interval: float, *, found_something: bool) -> float:
        """Returns the interval that follows `interval`."""
        return max(self.shortest, interval / 2) if found_something else min(self.longest, interval * self.growth)

    def pause(self, interval: float, spent: float) -> float:
        """Returns how long to pause after a poll of `spent` seconds, so that the next begins an interval after it.

        After a long poll the pause is half as long, and at most half the interval: listings must not take all of the
        time, which submissions need too.
        """
        return max(interval - spent, min(spent, interval) / 2)


@dataclass(frozen=True)
class ResultPoller:
    """Polls for the results of jobs.

    Attributes:
        transport: Lists and reads objects.
        clock: Seconds on a monotonic clock, which the jobs' deadlines use too.
        sleep: Waits that many seconds.
        concurrency: How many results are fetched at once.
        interval: How often to poll.
        executor: Fetches the results; threads of each poll's own if absent.
    """

    transport: Transport
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    concurrency: int
    interval: PollInterval
    executor: Executor | None = None

    @contextmanager
    def with_threads(self) -> Iterator[ResultPoller]:
        """Gives the same poller with threads that last, so that no poll has to start its own."""
        pool = ThreadPoolExecutor(self.concurrency)
        try:
            yield replace(self, executor=pool)
        finally:
            pool.shutdown(cancel_futures=True)

    def wait(self, jobs: Iterable[Job], timeout: float | None) -> None:
        """Waits until all jobs are settled or the timeout has passed, which is not an error."""
        for _ in self.as_settled(jobs, timeout):
            pass

    def as_settled(self, jobs: Iterable[Job], timeout: float | None) -> Iterator[Job]:
        """Yields each job once it is settled, the already settled ones first. Polls at least once.

        Stops at the timeout. Without a timeout it stops too, because every job has a deadline.

        Raises:
            StorageError: S3 could not be read.
        """
        gives_up = float("inf") if timeout is None else self.clock() + timeout
        watched = list(dict.fromkeys(jobs))
        pending = [job for job in watched if job.state is JobState.SUBMITTED]
        yield from (job for job in watched if job.state is not JobState.SUBMITTED)
        interval = self.interval.shortest
        while pending:
            polled_at = self.clock()
            unreadable = self.poll(pending, polled_at)
            settled = [job for job in pending if job.state is not JobState.SUBMITTED]
            pending = [job for job in pending if job.state is JobState.SUBMITTED]
            yield from settled
            if unreadable:
                raise next(iter(unreadable.values()))
            if not pending or gives_up <= polled_at:
                return
            now = self.clock()
            remaining = min(gives_up, *(job.deadline for job in pending)) - now
            interval = self.interval.after(interval, found_something=bool(settled))
            self.sleep(max(0.0, min(self.interval.pause(interval, now - polled_at), remaining)))

    def poll(self, jobs: Sequence[Job], now: float) -> dict[Job, StorageError]:
        """Settles the jobs whose object exists, and those whose deadline had passed before the poll.

        Returns:
            The jobs whose object exists and could not be read.

        Raises:
            StorageError: The objects could not be listed.
        """
        unreadable: dict[Job, StorageError] = {}
        for _ in self.polled(jobs, now, unreadable):
            pass
        return unreadable

    def polled(self, jobs: Sequence[Job], now: float, unreadable: dict[Job, StorageError]) -> Iterator[Job]:
        """Yields the jobs that a poll settles, each as soon as its result is there.

        Args:
            jobs: As for `poll`.
            now: As for `poll`.
            unreadable: Gets the jobs whose object exists and could not be read.

        Raises:
            StorageError: As for `poll`.
        """
        awaited: dict[S3Location, list[Job]] = {}
        for job in jobs:
            if job.state is not JobState.SUBMITTED:  # cancelled during the pause
                continue
            for location in (job.output_location, job.failure_location):
                if location is not None:
                    awaited.setdefault(location, []).append(job)
        found = find_existing(self.transport, awaited, self.executor)
        owners = {
            location: owning
            for location, waiting in awaited.items()
            if location in found and (owning := [job for job in waiting if _belongs_to(job, found[location])])
        }
        failed_reads: dict[Job, StorageError] = {}
        yield from self._fetch(owners, found, failed_reads)
        for job in jobs:
            if job.deadline <= now and job not in failed_reads and job.state is JobState.SUBMITTED:
                job.settle(now, _expiry(job), JobState.EXPIRED)
                yield job
        unreadable |= {job: error for job, error in failed_reads.items() if job.state is JobState.SUBMITTED}

    def _fetch(
        self,
        owners: Mapping[S3Location, list[Job]],
        found: Mapping[S3Location, StoredObject],
        unreadable: dict[Job, StorageError],
    ) -> Iterator[Job]:
        """Reads the objects, several at once, and yields their jobs, settled: a result goes before a failure."""
        # Otherwise in the order of the jobs, which is that in which an ordered stream needs them.
        outputs_first = sorted(owners, key=lambda at: at == owners[at][0].failure_location)
        own = nullcontext(self.executor) if self.executor else ThreadPoolExecutor(self.concurrency)
        with own as pool:
            for location, payload in pool.map(self._read, outputs_first):
                for job in owners[location]:
                    if isinstance(payload, StorageError):
                        unreadable[job] = payload
                        continue
                    if job.state is not JobState.SUBMITTED:  # a failure beside the result, or cancelled meanwhile
                        continue
                    if location == job.failure_location:
                        job.settle(self.clock(), _failure(job, payload.body), JobState.FAILED)
                    else:
                        result = JobResult(payload.body, payload.content_type, found[location].last_modified)
                        job.settle(self.clock(), result, JobState.COMPLETED)
                    yield job

    def _read(self, location: S3Location) -> tuple[S3Location, Payload | StorageError]:
        try:
            return location, self.transport.get(location)
        except StorageError as error:
            return location, error


def _belongs_to(job: Job, stored: StoredObject) -> bool:
    """Returns whether the object was written after the job was accepted, so it is not left from an earlier job.

    SageMaker's default keys are always new, but a reused inference id or file name may produce the same key again. Both
    times come from services, not from this machine, in whole seconds and from two clocks: hence the tolerance. Where
    the key is certainly new, the times do not matter: a clock that was set back must not hide a result.
    """
    return (
        job.has_new_key
        or job.acceptance is None
        or stored.last_modified >= job.acceptance.accepted_at - _CLOCK_TOLERANCE
    )


def _failure(job: Job, content: bytes) -> JobFailed:
    reason = content.decode("utf-8", "replace").strip()[:_LONGEST_REASON] or "The failure object is empty."
    return JobFailed(f"{job.document} failed: {reason}", reason)


def _expiry(job: Job) -> JobExpired:
    waited = f"{job.document} has no result by its deadline, {job.deadline - job.submitted_at:g} s after submission"
    if job.failure_location is None:
        return JobExpired(f"{waited}; the endpoint has no failure path, so a failure would not be seen either.")
    return JobExpired(f"{waited}: it expired in the queue, or the endpoint never woke or never wrote a result.")
