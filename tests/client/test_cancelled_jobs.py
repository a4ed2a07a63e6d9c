"""Cancelling a job ends the wait for it here, and only here; and one endpoint serves many threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from async_endpoint.client import (
    AsyncEndpoint,
    InMemoryTransport,
    Job,
    JobCancelled,
    JobResult,
    JobState,
    PollInterval,
)
from tests.support.endpoint_fixtures import Clock, echo

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeEndpoint = Callable[..., tuple[AsyncEndpoint, InMemoryTransport]]


def test_a_cancelled_job_has_no_result_here_though_its_request_runs(make_endpoint: MakeEndpoint, clock: Clock) -> None:
    endpoint, transport = make_endpoint(seconds=lambda _: 90)
    job = endpoint.submit(b"abc")

    assert job.cancel()
    assert job.cancel(), "it is cancelled already"

    clock.now += 90
    assert (job.status(), job.done(), job.output) == (JobState.CANCELLED, True, None)
    with pytest.raises(JobCancelled, match=f"its request {job.inference_id} may still run"):
        job.result()
    assert transport.calls["list_page"] == 0
    assert job.output_location is not None
    assert transport.get(job.output_location).body == b'{"bytes": 3}'


def test_a_job_with_an_outcome_is_not_cancelled(make_endpoint: MakeEndpoint) -> None:
    endpoint, _ = make_endpoint()
    job = endpoint.submit(b"abc")
    result = job.result()

    assert not job.cancel()
    assert (job.state, job.result()) == (JobState.COMPLETED, result)


def test_a_job_cancelled_during_a_collection_leaves_it(clock: Clock) -> None:
    transport = InMemoryTransport(echo, clock=clock, seconds=lambda _: 60)
    cancelled: list[bool] = []
    begun = clock.now

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if not cancelled and clock.now >= begun + 60:  # both results exist now
            cancelled.append(jobs[0].cancel())

    endpoint = AsyncEndpoint("r", input_location="s3://inputs/", transport=transport, clock=clock, sleep=sleep)
    jobs = endpoint.submit_many([b"abc", b"abcd"])

    assert [(job, job.state) for job in endpoint.as_completed(jobs)] == [
        (jobs[0], JobState.CANCELLED),
        (jobs[1], JobState.COMPLETED),
    ]
    assert transport.calls["get"] == 1


class SlowlySettled(Job):
    """Gives other threads their turn in the middle of `settle`."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in {"output", "error"}:
            time.sleep(0.001)
        super().__setattr__(name, value)


def test_of_many_threads_that_settle_a_job_one_counts(make_endpoint: MakeEndpoint) -> None:
    endpoint, _ = make_endpoint()
    together = threading.Barrier(8)

    def settle(job: Job, number: int) -> None:
        together.wait(10)
        if number % 2:
            job.cancel()
        else:
            job.settle(0, JobResult(b"%d" % number, None, datetime.now(UTC)), JobState.COMPLETED)

    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            job = SlowlySettled(
                document="a", inference_id="a", acceptance=None, submitted_at=0, deadline=1, wait=endpoint.poller.wait
            )
            list(pool.map(settle, [job] * 8, range(8)))
            assert (job.output is None) != (job.error is None)
            assert (job.state is JobState.COMPLETED) == (job.output is not None)


def test_many_threads_share_an_endpoint() -> None:
    transport = InMemoryTransport(echo, seconds=lambda _: 0.05)
    endpoint = AsyncEndpoint("r", transport=transport, interval=PollInterval(shortest=0.02))

    def work(number: int) -> list[int]:
        documents = [b"x" * (1000 * number + size) for size in range(1, 11)]
        jobs = endpoint.map(documents, concurrency=2, inline=True)
        single = endpoint.submit(documents[0], inline=True)
        sizes = [job.output.json()["bytes"] for job in jobs if job.output]
        return [single.result().json()["bytes"], *sizes]

    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(work, range(12)))

    assert results == [[1000 * number + size for size in (1, *range(1, 11))] for number in range(12)]
    assert len({request.inference_id for request in transport.requests}) == 12 * 11
