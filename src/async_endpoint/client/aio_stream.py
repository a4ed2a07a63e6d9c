"""Submits a stream of documents, a bounded number ahead, while its jobs are awaited."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from async_endpoint.client.errors import ResultTimeout
from async_endpoint.client.job_stream import JOBS_PER_SUBMISSION

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
    from pathlib import Path

    from async_endpoint.client.aio_jobs import AioJob
    from async_endpoint.protocol import S3Location

_END = object()  # of an iterable


class AioJobStream:
    """One call of `AioEndpoint.map`: a task takes the documents, and one task for each submits it and waits.

    Args:
        submit: Returns the job of a document; what it raises ends the stream.
        concurrency: Submissions at once.
    """

    def __init__(
        self, submit: Callable[[Path | bytes | S3Location | str], Awaitable[AioJob]], concurrency: int
    ) -> None:
        self._submit = submit
        self._turns = asyncio.Semaphore(concurrency)
        self._slots = asyncio.Semaphore(JOBS_PER_SUBMISSION * concurrency)
        # A numbered job that is settled, why the stream ends, or the number of all documents.
        self._arrivals: asyncio.Queue[tuple[int, AioJob] | Exception | int] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    async def jobs(
        self,
        documents: Iterable[Path | bytes | S3Location | str] | AsyncIterable[Path | bytes | S3Location | str],
        timeout: float | None,  # noqa: ASYNC109 - as of AsyncEndpoint.map
        *,
        ordered: bool,
    ) -> AsyncGenerator[AioJob, None]:
        """Yields each job once it is settled; see `AioEndpoint.map`."""
        loop = asyncio.get_running_loop()
        gives_up = None if timeout is None else loop.time() + timeout
        self._start(self._feed(documents))
        settled: dict[int, AioJob] = {}
        yielded, total = 0, None
        try:
            while yielded != total:
                try:
                    remaining = None if gives_up is None else gives_up - loop.time()
                    arrival = await asyncio.wait_for(self._arrivals.get(), remaining)
                except TimeoutError as error:
                    raise ResultTimeout(
                        f"Not all jobs had a result after {timeout or 0:g} s; the endpoint continues."
                    ) from error
                if isinstance(arrival, Exception):
                    raise arrival
                if isinstance(arrival, int):
                    total = arrival
                    continue
                settled[arrival[0] if ordered else yielded] = arrival[1]
                for job in _ready(settled, yielded):
                    yielded += 1
                    self._slots.release()
                    yield job
        finally:
            running = list(self._tasks)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _feed(
        self, documents: Iterable[Path | bytes | S3Location | str] | AsyncIterable[Path | bytes | S3Location | str]
    ) -> None:
        """Takes documents while there is room, and has them submitted."""
        count = 0
        try:
            source = _each(documents)
            while await self._slots.acquire():
                try:
                    document = await anext(source)
                except StopAsyncIteration:
                    break
                self._start(self._process(count, document))
                count += 1
            self._arrivals.put_nowait(count)
        except Exception as error:  # noqa: BLE001 - the consumer raises it
            self._arrivals.put_nowait(error)

    async def _process(self, number: int, document: Path | bytes | S3Location | str) -> None:
        try:
            async with self._turns:
                job = await self._submit(document)
            await job.wait()
            self._arrivals.put_nowait((number, job))
        except Exception as error:  # noqa: BLE001 - the consumer raises it
            self._arrivals.put_nowait(error)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _ready(settled: dict[int, AioJob], number: int) -> Iterator[AioJob]:
    """Takes the jobs whose turn it is, from `number` on."""
    while number in settled:
        yield settled.pop(number)
        number += 1


async def _each(
    documents: Iterable[Path | bytes | S3Location | str] | AsyncIterable[Path | bytes | S3Location | str],
) -> AsyncIterator[Path | bytes | S3Location | str]:
    """Yields the documents; one thread takes all those of an iterable that is not async, since it may block."""
    if isinstance(documents, AsyncIterable):
        async for document in documents:
            yield document
        return
    loop, taken = asyncio.get_running_loop(), asyncio.Queue[Any]()
    wanted, over = threading.Semaphore(0), threading.Event()
    # A daemon: a source that blocks must not hold up the interpreter's exit.
    threading.Thread(target=_take, args=(documents, wanted, over, partial(_put, loop, taken)), daemon=True).start()
    try:
        while True:
            wanted.release()
            document = await taken.get()
            if document is _END:
                return
            if isinstance(document, BaseException):
                raise document
            yield document
    finally:
        over.set()
        wanted.release()


def _take(
    documents: Iterable[Path | bytes | S3Location | str],
    wanted: threading.Semaphore,
    over: threading.Event,
    put: Callable[[Any], None],
) -> None:
    """Takes a document each time one is wanted, then `_END` or the iterator's error."""
    try:
        source = iter(documents)
        while wanted.acquire() and not over.is_set():
            document = next(source, _END)
            put(document)
            if document is _END:
                return
    except BaseException as error:  # noqa: BLE001 - the consumer raises it
        put(error)


def _put(loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[Any], item: Any) -> None:  # a document, an error, `_END`
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(queue.put_nowait, item)
