"""Wait for many jobs at once: list their prefixes, fetch what has come, give up at each job's deadline."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from async_endpoint.client.errors import JobExpired, JobFailed
from async_endpoint.client.jobs import Answer, Job, JobState
from async_endpoint.client.listing import existing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from async_endpoint.client.transport import StoredObject, Transport
    from async_endpoint.protocol import S3Location

_CLOCK_TOLERANCE = timedelta(seconds=5)
_LONGEST_REASON = 2000


@dataclass(frozen=True)
class PollInterval:
    """Seconds between two looks: short at first and while results come, longer while nothing happens."""

    shortest: float = 0.2
    growth: float = 1.5
    longest: float = 4.0

    def after(self, interval: float, *, found_something: bool) -> float:
        """The interval that follows `interval`."""
        return max(self.shortest, interval / 2) if found_something else min(self.longest, interval * self.growth)


@dataclass(frozen=True)
class ResultPoller:
    """Looks for the results of jobs.

    Attributes:
        transport: How to list and read.
        clock: Seconds on a clock that only goes forward; the jobs' deadlines are on it.
        sleep: Waits that many seconds.
        concurrency: How many results are fetched at once.
        interval: How often to look.
    """

    transport: Transport
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    concurrency: int
    interval: PollInterval

    def wait(self, jobs: Iterable[Job], timeout: float | None) -> None:
        """Wait until all jobs have ended or the timeout has passed, which is no error."""
        for _ in self.as_ended(jobs, timeout):
            pass

    def as_ended(self, jobs: Iterable[Job], timeout: float | None) -> Iterator[Job]:
        """Yield each job as it ends, those that had ended before first. Looks at least once; stops at the timeout.

        Ends without a timeout too, because every job has a deadline.

        Raises:
            StorageError: S3 could not be asked.
        """
        gives_up = float("inf") if timeout is None else self.clock() + timeout
        watched = list(dict.fromkeys(jobs))
        pending = [job for job in watched if job.state is JobState.QUEUED]
        yield from (job for job in watched if job.state is not JobState.QUEUED)
        interval = self.interval.shortest
        while pending:
            looked_at = self.clock()
            self._look(pending, looked_at)
            ended = [job for job in pending if job.state is not JobState.QUEUED]
            pending = [job for job in pending if job.state is JobState.QUEUED]
            yield from ended
            if not pending or gives_up <= looked_at:
                return
            remaining = min(gives_up, *(job.deadline for job in pending)) - self.clock()
            interval = self.interval.after(interval, found_something=bool(ended))
            self.sleep(max(0.0, min(interval, remaining)))

    def _look(self, jobs: list[Job], now: float) -> None:
        """Settle the jobs whose object is there, and those whose deadline had passed before looking."""
        awaited: dict[S3Location, list[Job]] = {}
        for job in jobs:
            for place in (job.output_location, job.failure_location):
                if place is not None:
                    awaited.setdefault(place, []).append(job)
        found = existing(self.transport, awaited)
        settled = {
            place: owners
            for place, stored in found.items()
            if (owners := [job for job in awaited[place] if _belongs_to(job, stored)])
        }
        self._fetch(settled, found)
        for job in jobs:
            if job.deadline <= now:
                job.settle(now, _expiry(job), JobState.EXPIRED)

    def _fetch(self, owners: Mapping[S3Location, list[Job]], found: Mapping[S3Location, StoredObject]) -> None:
        """Read the objects, several at once, and settle their jobs: an answer counts before a failure."""
        outputs_first = sorted(owners, key=lambda place: (place == owners[place][0].failure_location, place))
        with ThreadPoolExecutor(self.concurrency) as pool:
            payloads = pool.map(self.transport.get, outputs_first)
            for place, payload in zip(outputs_first, payloads, strict=True):
                for job in owners[place]:
                    if place == job.failure_location:
                        job.settle(self.clock(), _failure(job, payload.body), JobState.FAILED)
                    else:
                        answer = Answer(payload.body, payload.content_type, found[place].last_modified)
                        job.settle(self.clock(), answer, JobState.COMPLETED)


def _belongs_to(job: Job, stored: StoredObject) -> bool:
    """Whether the object was written after the job was accepted, and so is not left from an earlier job.

    SageMaker's default keys are its own and new, but an inference id used twice, or a file name, may give the same
    key again. Both times are the services' own, not this machine's, in whole seconds and from two services: hence
    the tolerance.
    """
    return job.acceptance is None or stored.last_modified >= job.acceptance.accepted_at - _CLOCK_TOLERANCE


def _failure(job: Job, content: bytes) -> JobFailed:
    reason = content.decode("utf-8", "replace").strip()[:_LONGEST_REASON] or "The failure object is empty."
    return JobFailed(f"{job.document} failed: {reason}", reason)


def _expiry(job: Job) -> JobExpired:
    waited = f"{job.document} has no answer by its deadline, {job.deadline - job.submitted_at:g} s after submission"
    if job.failure_location is None:
        return JobExpired(f"{waited}; the endpoint has no failure path, so a failure would not be seen either.")
    return JobExpired(f"{waited}: it expired in the queue, or the endpoint never woke or never wrote a result.")
