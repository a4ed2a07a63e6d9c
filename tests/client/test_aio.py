"""The client for asyncio: one poll for all tasks, and nothing that blocks the event loop."""

from __future__ import annotations

import asyncio
import itertools
import threading
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.client import (
    AioEndpoint,
    AioJob,
    AsyncEndpoint,
    AsyncEndpointError,
    EndpointNotFound,
    InMemoryTransport,
    InvalidDocument,
    InvalidRequest,
    JobCancelled,
    JobExpired,
    JobFailed,
    JobState,
    ListingPage,
    ResultTimeout,
    StorageError,
)
from tests.support.endpoint_fixtures import Clock, echo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from async_endpoint.client import Acceptance
    from async_endpoint.protocol import InvocationRequest, S3Location


def make(clock: Clock, transport: InMemoryTransport | None = None, **settings: Any) -> AioEndpoint:
    """An endpoint in memory, on the controlled clock."""

    async def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        await asyncio.sleep(0)

    transport = transport or InMemoryTransport(echo, clock=clock, **settings)
    return AioEndpoint("receipts", input_location="s3://inputs/", transport=transport, clock=clock, sleep=sleep)


def forever(_: InvocationRequest) -> float:
    return float("inf")


def size_of(job: AioJob) -> int:
    assert job.output is not None
    return int(job.output.json()["bytes"])


def test_a_document_is_submitted_and_its_result_awaited(clock: Clock) -> None:
    async def main() -> None:
        async with make(clock, seconds=lambda _: 90) as endpoint:
            job = await endpoint.submit(b"abc", inference_id="order-7")
            assert (job.inference_id, job.state, await job.done()) == ("order-7", JobState.SUBMITTED, False)
            assert (await job).json() == (await job.result()).json() == {"bytes": 3}
            assert (await job.status(), await job.done()) == (JobState.COMPLETED, True)
            assert 90 <= (job.seconds or 0) <= 94

    asyncio.run(main())


def test_errors_are_those_of_the_client_that_blocks(clock: Clock) -> None:
    async def main() -> None:
        async with make(clock, seconds=lambda _: 100) as endpoint:
            with pytest.raises(InvalidRequest, match="Value '59'"):
                await endpoint.submit(b"abc", ttl=59)
            failing, slow = await endpoint.submit(b"bad"), await endpoint.submit(b"abc")
            with pytest.raises(ResultTimeout, match="no result after 10 s"):
                await slow.result(10)
            with pytest.raises(JobFailed, match="cannot be read"):
                await failing
            assert (await slow).json() == {"bytes": 3}
        async with make(clock, seconds=forever) as endpoint:
            with pytest.raises(JobExpired, match="690 s after submission"):
                await (await endpoint.submit(b"abc", ttl=600, invocation_timeout=30))

    asyncio.run(main())


def test_five_hundred_tasks_list_as_often_as_one_collection() -> None:
    def listings_of_a_collection() -> int:
        clock = Clock()
        transport = InMemoryTransport(echo, clock=clock, seconds=lambda _: 120)
        endpoint = AsyncEndpoint("r", transport=transport, clock=clock, sleep=clock.sleep)
        endpoint.collect([endpoint.submit(b"abc", inline=True) for _ in range(500)])
        return transport.calls["list_page"]

    async def listings_of_tasks() -> int:
        clock = Clock()
        transport = InMemoryTransport(echo, clock=clock, seconds=lambda _: 120)
        async with make(clock, transport) as endpoint:
            jobs = await asyncio.gather(*(endpoint.submit(b"abc", inline=True) for _ in range(500)))
            results = await asyncio.gather(*jobs)
        assert len(results) == transport.calls["get"] == 500
        return transport.calls["list_page"]

    assert asyncio.run(listings_of_tasks()) == listings_of_a_collection()


def test_a_cancelled_wait_loses_no_job_and_ends_no_other() -> None:
    async def main() -> None:
        clock = Clock()  # of the model alone: the result is there when this test says so
        transport = InMemoryTransport(echo, clock=clock, seconds=lambda _: 1)
        async with AioEndpoint("r", transport=transport) as endpoint:
            job = await endpoint.submit(b"abc", inline=True)
            dropped, kept = asyncio.ensure_future(job.result()), asyncio.ensure_future(job.result())
            await asyncio.sleep(0.05)
            dropped.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dropped
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(job.result(), 0.01)
            clock.now += 1
            assert (await kept).json() == (await job).json() == {"bytes": 3}

    asyncio.run(main())


def test_a_submission_whose_task_is_cancelled_is_still_reported() -> None:
    begun, goes_on = threading.Event(), threading.Event()

    class Slow(InMemoryTransport):
        def submit(self, request: InvocationRequest) -> Acceptance:
            begun.set()
            goes_on.wait(10)
            return super().submit(request)

    async def main() -> None:
        accepted: asyncio.Queue[AioJob] = asyncio.Queue()
        async with AioEndpoint("r", transport=Slow(echo)) as endpoint:
            task = asyncio.ensure_future(endpoint.submit(b"abc", inline=True, on_submitted=accepted.put_nowait))
            assert await asyncio.to_thread(begun.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            goes_on.set()
            job = await asyncio.wait_for(accepted.get(), 10)
            assert (await job).json() == {"bytes": 3}

    asyncio.run(main())


def test_no_call_to_aws_blocks_the_event_loop() -> None:
    class Blocking(InMemoryTransport):
        """Fails the test if a call comes from the thread of the event loop."""

        def _count(self, call: str) -> None:
            assert threading.current_thread() is not threading.main_thread(), call
            super()._count(call)

    async def main() -> None:
        transport = Blocking(echo)
        async with AioEndpoint("r", input_location="s3://inputs/", transport=transport, concurrency=2) as endpoint:
            jobs = await asyncio.gather(*(endpoint.submit(b"abc") for _ in range(10)))
            await asyncio.gather(*jobs)
        assert set(transport.calls) == {"upload", "submit", "list_page", "get"}

    asyncio.run(main())


def test_a_storage_error_reaches_the_waiting_tasks_and_loses_no_job(clock: Clock) -> None:
    class Unlisted(InMemoryTransport):
        is_down = True

        def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
            if self.is_down:
                raise StorageError("The bucket cannot be listed.")
            return super().list_page(prefix, start_after)

    async def main() -> None:
        transport = Unlisted(echo, clock=clock)
        async with make(clock, transport) as endpoint:
            jobs = [await endpoint.submit(b"abc"), await endpoint.submit(b"abc")]
            errors = await asyncio.gather(*jobs, return_exceptions=True)
            assert [str(error) for error in errors] == ["The bucket cannot be listed."] * 2
            transport.is_down = False
            assert [(await job).json() for job in jobs] == [{"bytes": 3}] * 2

    asyncio.run(main())


def test_a_cancelled_job_ends_its_waits_at_once() -> None:
    async def main() -> None:
        async with AioEndpoint("r", transport=InMemoryTransport(echo, seconds=forever)) as endpoint:
            job = await endpoint.submit(b"abc", inline=True)
            waiting = asyncio.ensure_future(job.result())
            await asyncio.sleep(0.01)
            assert job.cancel()
            with pytest.raises(JobCancelled, match="was cancelled here"):
                await asyncio.wait_for(waiting, 10)

    asyncio.run(main())


def test_closing_ends_the_waits_and_later_calls_with_a_sentence() -> None:
    async def main() -> None:
        async with AioEndpoint("r", transport=InMemoryTransport(echo, seconds=forever)) as endpoint:
            job = await endpoint.submit(b"abc", inline=True)
            waiting = asyncio.ensure_future(job.result())
            await asyncio.sleep(0.01)
        with pytest.raises(AsyncEndpointError, match=f"The client was closed; the job {job.inference_id} continues"):
            await waiting
        with pytest.raises(AsyncEndpointError, match="was closed: make another one"):
            await endpoint.submit(b"abc")

    asyncio.run(main())


@pytest.mark.parametrize(("ordered", "sizes"), [(True, [5000, 1, 900]), (False, [1, 900, 5000])])
def test_a_stream_keeps_the_order_or_not(clock: Clock, sizes: list[int], *, ordered: bool) -> None:
    known: list[AioJob] = []
    all_known = asyncio.Event()

    def on_submitted(job: AioJob) -> None:
        known.append(job)
        if len(known) == 3:
            all_known.set()

    async def sleep(seconds: float) -> None:
        await all_known.wait()  # the clock stands still during the submissions
        clock.sleep(seconds)

    async def main() -> None:
        transport = InMemoryTransport(echo, clock=clock, seconds=lambda request: len(request.body or b""))
        async with AioEndpoint("r", transport=transport, clock=clock, sleep=sleep) as endpoint:
            documents = [b"x" * size for size in (5000, 1, 900)]
            stream = endpoint.map(documents, ordered=ordered, inline=True, on_submitted=on_submitted)
            assert [size_of(job) async for job in stream] == sizes

    asyncio.run(main())


@pytest.mark.parametrize("is_async", [True, False])
def test_an_endless_stream_is_taken_only_a_few_ahead(clock: Clock, *, is_async: bool) -> None:
    def blocking() -> Iterator[bytes]:
        for number in itertools.count():
            assert threading.current_thread() is not threading.main_thread()
            yield b"x" * number

    async def awaited() -> AsyncIterator[bytes]:
        for number in itertools.count():
            await asyncio.sleep(0)
            yield b"x" * number

    async def main() -> None:
        transport = InMemoryTransport(echo, clock=clock, seconds=lambda _: 3)
        async with make(clock, transport) as endpoint:
            documents = awaited() if is_async else blocking()
            async with aclosing(endpoint.map(documents, concurrency=2)) as stream:
                for number in range(100):
                    assert size_of(await anext(stream)) == number
                    assert len(transport.requests) <= number + 8 * 2 + 1
            await asyncio.sleep(0.1)  # enough for hundreds more
        # Closing has waited for the calls in progress.
        assert transport.calls["submit"] <= 100 + 8 * 2 + 1

    asyncio.run(main())


def test_one_bad_document_is_a_failed_job_and_a_missing_endpoint_ends_the_stream(clock: Clock, tmp_path: Path) -> None:
    class Nowhere(InMemoryTransport):
        def submit(self, request: InvocationRequest) -> Acceptance:
            self.requests.append(request)
            raise EndpointNotFound("There is no endpoint r here.")

    async def main() -> None:
        async with make(clock) as endpoint:
            jobs = [job async for job in endpoint.map([b"abc", tmp_path / "none.png", b"bad"])]
            assert [type(job.error) for job in jobs] == [type(None), InvalidDocument, JobFailed]
        transport = Nowhere(echo, clock=clock)
        async with make(clock, transport) as endpoint:
            with pytest.raises(EndpointNotFound):
                [job async for job in endpoint.map([b"x"] * 100, concurrency=2)]
            assert len(transport.requests) <= 4

    asyncio.run(main())
