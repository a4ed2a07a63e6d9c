"""Submits a stream of documents, a bounded number ahead, while its jobs are collected."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from async_endpoint.client.errors import ResultTimeout
from async_endpoint.client.shared_pool import SharedPool
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from pathlib import Path

    from async_endpoint.client.errors import StorageError
    from async_endpoint.client.jobs import Job
    from async_endpoint.client.result_poller import ResultPoller
    from async_endpoint.protocol import S3Location

JOBS_PER_SUBMISSION = 8
"""How many jobs are not yielded yet, at most, for each submission that runs at once."""


class JobStream:
    """One call of `AsyncEndpoint.map`: a thread takes the documents, others submit them, and the caller's polls.

    Args:
        poller: Collects the results.
        submit: Returns the job of a document; what it raises ends the stream. Called in threads.
        concurrency: Submissions and fetches at once.
    """

    def __init__(
        self, poller: ResultPoller, submit: Callable[[Path | bytes | S3Location | str], Job], concurrency: int
    ) -> None:
        self._poller = poller
        self._submit_one = submit
        self._concurrency = concurrency
        self._slots = threading.Semaphore(JOBS_PER_SUBMISSION * concurrency)
        self._stopping = threading.Event()
        # A numbered job, why the stream ends, or the number of all documents.
        self._arrivals: SimpleQueue[tuple[int, Job] | BaseException | int] = SimpleQueue()
        self._total: int | None = None
        self._waiting: dict[Job, int] = {}
        self._settled: dict[int, Job] = {}

    def jobs(
        self, documents: Iterable[Path | bytes | S3Location | str], timeout: float | None, *, ordered: bool
    ) -> Generator[Job, None, None]:
        """Yields each job once it is settled; see `AsyncEndpoint.map`."""
        pool = SharedPool(self._concurrency)
        poller = replace(self._poller, executor=pool.urgent)
        gives_up = float("inf") if timeout is None else poller.clock() + timeout
        # A daemon: an iterator that waits for its next document must not hold up the interpreter's exit.
        threading.Thread(target=self._feed, args=(documents, pool), daemon=True).start()
        yielded, interval = 0, poller.interval.shortest
        try:
            while True:
                idle = not self._waiting and yielded != self._total
                arrived = self._take_arrivals(gives_up - poller.clock() if idle else 0)
                polled_at = poller.clock()
                unreadable: dict[Job, StorageError] = {}
                waiting = len(self._waiting)
                for _ in self._settling(poller, polled_at, unreadable):
                    for job in self._ready(yielded, ordered=ordered):
                        yielded += 1
                        self._slots.release()
                        yield job
                if unreadable:
                    raise next(iter(unreadable.values()))
                if yielded == self._total:
                    return
                if gives_up <= polled_at:
                    raise ResultTimeout(
                        f"{len(self._waiting):,} of the submitted jobs had no result after {timeout or 0:g} s; the "
                        f"endpoint continues."
                    )
                if self._waiting:
                    found = len(self._waiting) < waiting
                    interval = poller.interval.after(interval, found_something=found or arrived > 0)
                    now, due = poller.clock(), min(gives_up, *(job.deadline for job in self._waiting))
                    poller.sleep(max(0.0, min(poller.interval.pause(interval, now - polled_at), due - now)))
        finally:
            self._stopping.set()
            self._slots.release()  # the feeding thread may wait for one
            pool.shutdown()

    def _take_arrivals(self, seconds: float) -> int:
        """Takes what has arrived, waiting for the first for so long, and returns how many did.

        Raises:
            BaseException: Whatever ended the stream.
        """
        taken = 0
        while True:
            try:
                limit = None if seconds == float("inf") else max(0.0, seconds)
                arrival = self._arrivals.get(timeout=limit)
            except Empty:
                return taken
            seconds = 0
            taken += 1
            if isinstance(arrival, BaseException):
                raise arrival
            if isinstance(arrival, int):
                self._total = arrival
            else:
                number, job = arrival
                if job.state is JobState.SUBMITTED:
                    self._waiting[job] = number
                else:
                    self._settled[number] = job

    def _settling(self, poller: ResultPoller, polled_at: float, unreadable: dict[Job, StorageError]) -> Iterator[None]:
        """Polls, and yields after each job that has settled, and once more after the last."""
        for job in poller.polled(list(self._waiting), polled_at, unreadable):
            self._settled[self._waiting.pop(job)] = job
            yield
        for job in [job for job in self._waiting if job.state is not JobState.SUBMITTED]:  # cancelled
            self._settled[self._waiting.pop(job)] = job
        yield

    def _ready(self, number: int, *, ordered: bool) -> Iterator[Job]:
        """Takes the settled jobs whose turn it is; in order, `number` is next."""
        if ordered:
            while number in self._settled:
                yield self._settled.pop(number)
                number += 1
        else:
            while self._settled:
                yield self._settled.pop(next(iter(self._settled)))

    def _feed(self, documents: Iterable[Path | bytes | S3Location | str], pool: SharedPool) -> None:
        """Takes documents while there is room, and has them submitted."""
        count = 0
        try:
            source = iter(documents)
            while self._slots.acquire() and not self._stopping.is_set():
                try:
                    document = next(source)
                except StopIteration:
                    self._arrivals.put(count)
                    return
                pool.run(partial(self._submit, count, document))
                count += 1
        except BaseException as error:  # noqa: BLE001 - the consuming thread raises it
            self._arrivals.put(error)

    def _submit(self, number: int, document: Path | bytes | S3Location | str) -> None:
        if self._stopping.is_set():
            return
        try:
            self._arrivals.put((number, self._submit_one(document)))
        except BaseException as error:  # noqa: BLE001 - the consuming thread raises it
            self._stopping.set()
            self._arrivals.put(error)
