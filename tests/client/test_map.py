"""A stream of documents is submitted a few ahead, and its jobs are yielded as they settle."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import closing
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

import pytest

from async_endpoint.client import (
    AsyncEndpoint,
    AwsUnavailable,
    EndpointNotFound,
    InMemoryTransport,
    InvalidDocument,
    Job,
    JobFailed,
    ListingPage,
    PollInterval,
    ResultTimeout,
    SubmitError,
)
from tests.support.endpoint_fixtures import Clock, echo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from async_endpoint.client import Acceptance, Payload
    from async_endpoint.protocol import InvocationRequest, S3Location

    MakeEndpoint = Callable[..., tuple[AsyncEndpoint, InMemoryTransport]]

T = TypeVar("T")


def size_of(job: Job) -> int:
    assert job.output is not None
    return int(job.output.json()["bytes"])


def seconds_as_bytes(request: InvocationRequest) -> float:
    return float(len(request.body or b""))


def test_jobs_come_in_the_order_of_the_documents(make_endpoint: MakeEndpoint) -> None:
    endpoint, _ = make_endpoint(seconds=seconds_as_bytes)

    jobs = list(endpoint.map([b"x" * size for size in (50, 1, 9)], concurrency=3, inline=True))

    assert [size_of(job) for job in jobs] == [50, 1, 9]


def test_or_as_they_complete(clock: Clock) -> None:
    known: list[Job] = []

    def sleep(seconds: float) -> None:
        while len(known) < 3:  # the clock stands still during the submissions
            time.sleep(0.001)
        clock.sleep(seconds)

    transport = InMemoryTransport(echo, clock=clock, seconds=seconds_as_bytes)
    endpoint = AsyncEndpoint("r", transport=transport, clock=clock, sleep=sleep)
    documents = [b"x" * size for size in (5000, 1, 900)]

    jobs = endpoint.map(documents, ordered=False, inline=True, on_submitted=known.append)

    assert [size_of(job) for job in jobs] == [1, 900, 5000]


def test_an_endless_iterator_is_taken_only_a_few_ahead(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint(seconds=lambda _: 3)
    taken, ahead = itertools.count(), list[int]()

    def documents() -> Iterator[bytes]:
        while True:
            yield b"x" * next(taken)

    with closing(endpoint.map(documents(), concurrency=2)) as stream:
        for number, job in enumerate(itertools.islice(stream, 200)):
            assert size_of(job) == number
            ahead.append(len(transport.requests) - number)

    submitted = transport.calls["submit"]
    time.sleep(0.05)
    assert max(ahead) <= 8 * 2 + 1
    assert transport.calls["submit"] == submitted, "closing stops the submissions"
    assert next(taken) <= 200 + 8 * 2 + 1


def test_no_more_submissions_run_at_once_than_asked_for(clock: Clock) -> None:
    running, most, lock, together = 0, 0, threading.Lock(), threading.Barrier(3)

    def model(_: InvocationRequest, document: bytes) -> bytes:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(10)  # each of the three has two more beside it
        with lock:
            running -= 1
        return document

    endpoint = AsyncEndpoint("r", transport=InMemoryTransport(model, clock=clock), clock=clock, sleep=clock.sleep)

    assert len(list(endpoint.map([b"x"] * 30, concurrency=3, inline=True))) == 30
    assert most == 3


def test_a_result_is_yielded_while_the_next_document_is_awaited() -> None:
    endpoint = AsyncEndpoint("r", transport=InMemoryTransport(echo))
    arrivals: SimpleQueue[bytes] = SimpleQueue()
    arrivals.put(b"abc")

    with closing(endpoint.map(iter(arrivals.get, b""), inline=True)) as stream:
        assert size_of(next(stream)) == 3
        arrivals.put(b"abcd")
        assert size_of(next(stream)) == 4
    arrivals.put(b"")


def test_one_bad_document_is_a_failed_job_in_its_place(make_endpoint: MakeEndpoint, tmp_path: Path) -> None:
    endpoint, _ = make_endpoint()
    known: list[Job] = []

    jobs = list(endpoint.map([b"abc", tmp_path / "none.png", b"bad", b"abcd"], on_submitted=known.append))

    assert [job.state for job in jobs] == ["COMPLETED", "FAILED", "FAILED", "COMPLETED"]
    assert [type(job.error) for job in jobs] == [type(None), InvalidDocument, JobFailed, type(None)]
    assert set(known) == set(jobs)


@pytest.mark.parametrize("error", [EndpointNotFound("There is none."), AwsUnavailable("The token is expired.")])
def test_an_error_for_every_document_ends_the_stream(clock: Clock, error: SubmitError) -> None:
    class Rejecting(InMemoryTransport):
        def submit(self, request: InvocationRequest) -> Acceptance:
            if len(self.requests) == 20:
                raise error
            return super().submit(request)

    transport = Rejecting(echo, clock=clock, seconds=lambda _: float("inf"))

    def sleep(seconds: float) -> None:
        time.sleep(0.001)  # lets the submissions go on before the jobs expire
        clock.sleep(seconds)

    endpoint = AsyncEndpoint("r", transport=transport, clock=clock, sleep=sleep)

    with pytest.raises(type(error), match=str(error)):
        list(endpoint.map(itertools.repeat(b"x", 1000), concurrency=4, inline=True))

    assert len(transport.requests) == 20


def test_an_error_of_the_iterator_is_the_callers(make_endpoint: MakeEndpoint) -> None:
    endpoint, _ = make_endpoint()

    def documents() -> Iterator[bytes]:
        yield b"abc"
        raise OSError("The disk is gone.")

    with pytest.raises(OSError, match="The disk is gone"):
        list(endpoint.map(documents()))


def test_a_timeout_ends_the_stream_and_loses_no_job(make_endpoint: MakeEndpoint) -> None:
    endpoint, _ = make_endpoint(seconds=seconds_as_bytes)
    known: list[Job] = []

    with pytest.raises(ResultTimeout, match="1 of the submitted jobs had no result after 60 s; the endpoint continues"):
        list(endpoint.map([b"x" * 500], timeout=60, inline=True, on_submitted=known.append))

    assert size_of(*endpoint.collect(known)) == 500


def test_a_document_that_never_comes_ends_at_the_timeout_too() -> None:
    endpoint = AsyncEndpoint("r", transport=InMemoryTransport(echo))
    arrivals: SimpleQueue[bytes] = SimpleQueue()

    with pytest.raises(ResultTimeout, match=r"after 0\.1 s"):
        next(endpoint.map(iter(arrivals.get, b""), timeout=0.1))
    arrivals.put(b"")


def test_nothing_is_nothing(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint()

    assert list(endpoint.map([])) == []
    assert not transport.calls


@pytest.mark.usefixtures("local_services")
def test_over_http_a_stream_is_uploaded_submitted_and_collected(bucket: str) -> None:
    endpoint = AsyncEndpoint("receipts", input_location=f"s3://{bucket}/in")

    jobs = endpoint.map((b"x" * size for size in range(1, 41)), concurrency=4, timeout=60)

    assert [size_of(job) for job in jobs] == list(range(1, 41))


def test_a_result_is_yielded_while_the_others_of_its_poll_are_fetched() -> None:
    yielded = threading.Event()

    class Waits(InMemoryTransport):
        all_are_there = False

        def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
            shown = self.all_are_there  # not in the poll in which the last is submitted, which does not await it
            self.all_are_there = self.calls["submit"] == 3
            return super().list_page(prefix, start_after) if shown else ListingPage((), is_truncated=False)

        def get(self, location: S3Location) -> Payload:
            if self.calls["get"]:
                assert yielded.wait(10), "the first result was not yielded before the others were fetched"
            return super().get(location)

    endpoint = AsyncEndpoint("r", transport=Waits(echo, failures=None))

    with closing(endpoint.map([b"x"] * 3, concurrency=1, inline=True)) as stream:
        next(stream)
        yielded.set()
        assert len(list(stream)) == 2


def test_polls_of_a_stream_begin_an_interval_apart(clock: Clock) -> None:
    class Slow(InMemoryTransport):
        def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
            clock.now += 0.03
            return super().list_page(prefix, start_after)

    transport = Slow(echo, clock=clock, seconds=lambda _: 2, failures=None)
    interval = PollInterval(shortest=0.2, growth=1)
    endpoint = AsyncEndpoint("r", transport=transport, clock=clock, sleep=clock.sleep, interval=interval)

    assert len(list(endpoint.map([b"x"], inline=True))) == 1
    assert clock.sleeps
    assert clock.sleeps == [pytest.approx(0.17)] * len(clock.sleeps)


def test_submissions_and_fetches_together_are_no_more_than_asked_for() -> None:
    running, most, lock = 0, 0, threading.Lock()

    class Watched(InMemoryTransport):
        def submit(self, request: InvocationRequest) -> Acceptance:
            return self._watch(lambda: super(Watched, self).submit(request))

        def get(self, location: S3Location) -> Payload:
            return self._watch(lambda: super(Watched, self).get(location))

        def _watch(self, call: Callable[[], T]) -> T:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.005)
            with lock:
                running -= 1
            return call()

    endpoint = AsyncEndpoint("r", transport=Watched(echo))

    assert len(list(endpoint.map([b"x"] * 60, concurrency=3, inline=True))) == 60
    assert 1 < most <= 3
