"""Collecting many results takes few calls, stops in time, and loses nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.client import (
    AsyncEndpoint,
    InMemoryTransport,
    Job,
    JobState,
    ListingPage,
    Payload,
    PollInterval,
    ResultTimeout,
    StorageError,
)
from async_endpoint.client.listing import find_existing
from async_endpoint.protocol import InvocationRequest, S3Location
from tests.support.endpoint_fixtures import Clock, echo

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeEndpoint = Callable[..., tuple[AsyncEndpoint, InMemoryTransport]]


def by_content_type(request: InvocationRequest) -> float:
    """Seconds by the content type, so that each job has its own."""
    return float(request.content_type or 0)


def submit(endpoint: AsyncEndpoint, *seconds: float) -> list[Job]:
    return [endpoint.submit(b"abc", content_type=str(delay)) for delay in seconds]


def test_jobs_are_yielded_as_they_settle(make_endpoint: MakeEndpoint) -> None:
    endpoint, _ = make_endpoint(seconds=by_content_type)
    slow, quick, middling = submit(endpoint, 300, 1, 60)

    assert list(endpoint.as_completed([slow, quick, middling])) == [quick, middling, slow]


def test_settled_jobs_come_first_and_once(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint(seconds=by_content_type)
    ended, queued = submit(endpoint, 0, 60)
    ended.result()

    assert list(endpoint.as_completed([queued, ended, queued])) == [ended, queued]
    assert transport.calls["get"] == 2


def test_an_empty_collection_makes_no_call(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint()

    assert endpoint.collect([]) == []
    assert not transport.calls


def test_a_thousand_results_take_one_listing_a_prefix_and_one_get_each(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint()
    jobs = endpoint.submit_many([b"abc"] * 999)

    endpoint.collect(jobs)

    assert transport.calls["list_page"] == 2
    assert transport.calls["get"] == 999


def test_waiting_takes_two_listings_a_poll_however_many_jobs(make_endpoint: MakeEndpoint, clock: Clock) -> None:
    endpoint, transport = make_endpoint(seconds=lambda _: 120)
    jobs = endpoint.submit_many([b"abc"] * 500)

    endpoint.collect(jobs)

    assert transport.calls["list_page"] == 2 * (len(clock.sleeps) + 1)
    assert len(clock.sleeps) < 50


def test_each_job_has_a_deadline_of_its_own(make_endpoint: MakeEndpoint, clock: Clock) -> None:
    endpoint, _ = make_endpoint(seconds=lambda _: float("inf"))
    begun = clock.now
    long = endpoint.submit(b"abc", ttl=600, invocation_timeout=100)
    short = endpoint.submit(b"abc", ttl=60, invocation_timeout=1)

    ended = [(job, round(clock.now - begun)) for job in endpoint.as_completed([long, short])]

    assert ended == [(short, 121), (long, 760)]
    assert short.state == long.state == JobState.EXPIRED


def test_the_default_deadline_is_that_of_the_api(make_endpoint: MakeEndpoint, clock: Clock) -> None:
    endpoint, _ = make_endpoint(seconds=lambda _: float("inf"))
    job = endpoint.submit(b"abc")

    assert job.deadline - clock.now == 21_600 + 900 + 60


def test_a_timeout_reports_how_many_are_left_and_loses_none(make_endpoint: MakeEndpoint) -> None:
    endpoint, _ = make_endpoint(seconds=by_content_type)
    jobs, done = submit(endpoint, 1, 50, 50), list[Job]()

    with pytest.raises(ResultTimeout, match="2 of 3 jobs had no result after 10 s; the endpoint continues"):
        endpoint.collect(jobs, on_done=done.append, timeout=10)

    assert done == jobs[:1]
    assert endpoint.collect(jobs) == jobs


def test_the_pause_grows_while_nothing_happens_and_shrinks_when_results_come() -> None:
    pauses = PollInterval(shortest=0.2, growth=1.5, longest=4)

    assert pauses.after(0.2, found_something=False) == pytest.approx(0.3)
    assert pauses.after(3.9, found_something=False) == 4
    assert pauses.after(4, found_something=True) == 2
    assert pauses.after(0.2, found_something=True) == 0.2


def test_a_poll_that_takes_long_shortens_the_pause_but_does_not_take_it_away() -> None:
    pauses = PollInterval()

    assert pauses.pause(0.2, 0) == 0.2
    assert pauses.pause(0.2, 0.05) == pytest.approx(0.15)
    assert pauses.pause(0.2, 0.16) == pytest.approx(0.08)
    assert pauses.pause(0.2, 30) == pytest.approx(0.1)


def test_polls_begin_an_interval_apart(clock: Clock) -> None:
    class Slow(InMemoryTransport):
        def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
            clock.now += 0.03
            return super().list_page(prefix, start_after)

    transport = Slow(echo, clock=clock, seconds=lambda _: 0.3)
    interval = PollInterval(shortest=0.2, growth=1)
    endpoint = AsyncEndpoint("r", transport=transport, clock=clock, sleep=clock.sleep, interval=interval)

    endpoint.collect([endpoint.submit(b"abc", inline=True)])

    assert clock.sleeps == [pytest.approx(0.14)] * 2


def test_a_job_is_settled_while_the_results_of_others_are_still_fetched(clock: Clock) -> None:
    found = threading.Event()

    class Waits(InMemoryTransport):
        def get(self, location: S3Location) -> Payload:
            if self.calls["get"]:
                assert found.wait(10)
            return super().get(location)

    endpoint = AsyncEndpoint("r", transport=Waits(echo, clock=clock), clock=clock, concurrency=1)
    jobs = [endpoint.submit(b"abc", inline=True) for _ in range(3)]
    unreadable: dict[Job, StorageError] = {}

    settling = endpoint.poller.polled(jobs, clock(), unreadable)
    first = next(settling)
    states = [job.state for job in jobs]
    found.set()

    assert states.count(JobState.COMPLETED) == 1
    assert {first, *settling} == set(jobs)
    assert unreadable == {}


def test_a_job_with_a_result_and_a_failure_is_settled_once(make_endpoint: MakeEndpoint, clock: Clock) -> None:
    endpoint, transport = make_endpoint()
    job = endpoint.submit(b"abc")
    assert job.failure_location is not None
    transport.put(job.failure_location, b"The notification could not be sent.")

    assert list(endpoint.poller.polled([job], clock(), {})) == [job]


def test_with_threads_the_folders_are_listed_at_once() -> None:
    both = threading.Barrier(2, timeout=10)

    class Together(InMemoryTransport):
        def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
            both.wait()
            return super().list_page(prefix, start_after)

    endpoint = AsyncEndpoint("r", transport=Together(echo))
    job = endpoint.submit(b"abc", inline=True)

    with endpoint.poller.with_threads() as poller:
        assert poller.poll([job], poller.clock()) == {}

    assert job.state is JobState.COMPLETED


def test_a_result_counts_before_a_failure_of_the_same_job(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint()
    job = endpoint.submit(b"abc")
    assert job.failure_location is not None
    transport.put(job.failure_location, b"The notification could not be sent.")

    assert job.result().json() == {"bytes": 3}


def test_outputs_and_failures_may_share_a_folder(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint(outputs="s3://memory/all/", failures="s3://memory/all/")
    jobs = endpoint.submit_many([b"abc", b"bad"])

    endpoint.collect(jobs)

    assert [job.state for job in jobs] == ["COMPLETED", "FAILED"]
    assert transport.calls["list_page"] == 1


def test_results_found_before_an_error_of_s3_are_not_lost(clock: Clock) -> None:
    class Fails(InMemoryTransport):
        failing = True

        def get(self, location: S3Location) -> Payload:
            if self.failing and self.calls["get"] == 2:
                raise StorageError("The result cannot be read.")
            return super().get(location)

    transport = Fails(echo, clock=clock)
    endpoint = AsyncEndpoint(
        "r", input_location="s3://in-put/", transport=transport, clock=clock, sleep=clock.sleep, concurrency=1
    )
    jobs = endpoint.submit_many([b"abc"] * 4)

    with pytest.raises(StorageError):
        endpoint.collect(jobs)
    assert sum(job.state is JobState.COMPLETED for job in jobs) == 2

    transport.failing = False
    assert set(endpoint.collect(jobs)) == set(jobs)


class Bucket(InMemoryTransport):
    """Checks the prefix of each page."""

    def __init__(self, keys: set[str], page_size: int) -> None:
        super().__init__(echo, clock=lambda: 0.0, page_size=page_size)
        for key in keys:
            self.put(S3Location("memory", key), b"")

    def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
        page = super().list_page(prefix, start_after)
        assert all(found.key.startswith(prefix.key) for found in page.objects)
        return page


NAMES = st.text("abü/", min_size=1, max_size=5)


@given(st.sets(NAMES, max_size=40), st.sets(NAMES, max_size=10), st.integers(1, 5))
def test_exactly_the_wanted_objects_that_exist_are_found_in_few_pages(
    there: set[str], wanted: set[str], page_size: int
) -> None:
    bucket = Bucket(there, page_size)

    found = find_existing(bucket, {S3Location("memory", key) for key in wanted})

    assert {location.key for location in found} == there & wanted
    folders = {key.rpartition("/")[0] for key in wanted}
    whole_listings = len(folders) * (len(there) // page_size + 1)
    assert bucket.calls["list_page"] <= whole_listings


def test_old_results_in_the_folder_are_skipped() -> None:
    old = {f"output/{number:06}-old.out" for number in range(20_000)}
    wanted = {"output/000500-new.out", "output/012345-new.out", "output/019999-new.out"}
    bucket = Bucket(old | wanted, page_size=1000)

    found = find_existing(bucket, {S3Location("memory", key) for key in wanted})

    assert {location.key for location in found} == wanted
    assert bucket.calls["list_page"] == 3
