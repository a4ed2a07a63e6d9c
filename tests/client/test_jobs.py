"""Submitting and waiting, with an endpoint in memory and a controlled clock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.client import (
    AsyncEndpoint,
    EndpointNotFound,
    InMemoryTransport,
    InvalidDocument,
    InvalidRequest,
    Job,
    JobExpired,
    JobFailed,
    JobState,
    ResultTimeout,
    SubmitError,
)
from async_endpoint.protocol import InvocationRequest, S3Location
from tests.support.endpoint_fixtures import Clock, echo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from async_endpoint.client import Acceptance

    MakeEndpoint = Callable[..., tuple[AsyncEndpoint, InMemoryTransport]]


def after(seconds: float) -> dict[str, Any]:
    return {"seconds": lambda _: seconds}


def test_a_job_is_queued_until_its_result_exists(make_endpoint: MakeEndpoint, clock: Clock) -> None:
    endpoint, _ = make_endpoint(**after(90))
    job = endpoint.submit(b"abc")

    assert (job.state, job.status(), job.done()) == (JobState.SUBMITTED, JobState.SUBMITTED, False)
    assert clock.sleeps == [], "status() does not wait"

    clock.now += 90
    assert (job.done(), job.state, job.seconds) == (True, JobState.COMPLETED, 90)
    assert job.result().json() == {"bytes": 3}


def test_a_result_comes_soon_after_its_object(make_endpoint: MakeEndpoint, clock: Clock) -> None:
    endpoint, _ = make_endpoint(**after(300))

    job = endpoint.submit(b"abc")
    job.result()

    assert 300 <= (job.seconds or 0) <= 304
    assert clock.sleeps[0] < 0.5
    assert clock.sleeps == sorted(clock.sleeps), "pauses grow while nothing happens"


def test_the_locations_are_those_of_the_acceptance(make_endpoint: MakeEndpoint) -> None:
    endpoint, _ = make_endpoint(outputs="s3://elsewhere/a/b/", failures="s3://other/c")

    job = endpoint.submit(b"abc")

    assert job.acceptance is not None
    assert job.output_location == job.acceptance.output_location
    assert str(job.output_location).startswith("s3://elsewhere/a/b/")
    assert str(job.failure_location).startswith("s3://other/c/")


def test_the_id_is_the_callers_or_a_new_one_and_reaches_sagemaker(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint()

    ids = [endpoint.submit(b"abc").inference_id, endpoint.submit(b"abc").inference_id]
    ids.append(endpoint.submit(b"abc", inference_id="order-7").inference_id)

    assert ids[2] == "order-7"
    assert len(set(ids)) == 3
    assert [request.inference_id for request in transport.requests] == ids


def test_what_is_in_s3_already_is_not_uploaded(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint()
    place = S3Location("inputs", "scans/a.png")
    transport.put(place, b"four")

    for document in (place, place.uri):
        assert endpoint.submit(document).result().json() == {"bytes": 4}

    assert transport.calls["upload"] == 0
    assert transport.requests[0].input_location == "s3://inputs/scans/a.png"


def test_an_invalid_request_is_rejected_before_the_upload(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint()

    with pytest.raises(InvalidRequest, match="document cannot be submitted: 1 validation error detected: Value '59'"):
        endpoint.submit(b"abc", ttl=59)

    assert not transport.calls


def test_a_local_document_needs_an_input_location(clock: Clock) -> None:
    endpoint = AsyncEndpoint("receipts", transport=InMemoryTransport(echo, clock=clock))

    with pytest.raises(InvalidDocument, match="no input_location to upload it to"):
        endpoint.submit(b"abc")


def test_a_failure_has_its_reason(make_endpoint: MakeEndpoint) -> None:
    endpoint, _ = make_endpoint()

    job = endpoint.submit(b"bad", inference_id="order-7")

    with pytest.raises(JobFailed, match="document failed: The image cannot be read") as failed:
        job.result()
    assert failed.value.reason == "The image cannot be read."
    assert job.state is JobState.FAILED


def test_a_timeout_does_not_lose_the_job(make_endpoint: MakeEndpoint, clock: Clock) -> None:
    endpoint, _ = make_endpoint(**after(100))
    job = endpoint.submit(b"abc")

    with pytest.raises(ResultTimeout, match=r"no result after 10 s; the job .* continues"):
        job.result(timeout=10)

    assert sum(clock.sleeps) == pytest.approx(10)
    assert job.state is JobState.SUBMITTED
    assert job.result(timeout=100).json() == {"bytes": 3}


def test_a_job_without_an_outcome_expires_at_its_deadline(make_endpoint: MakeEndpoint, clock: Clock) -> None:
    endpoint, _ = make_endpoint(**after(float("inf")))
    job = endpoint.submit(b"abc", ttl=600, invocation_timeout=30)

    with pytest.raises(JobExpired, match="no result by its deadline, 690 s after submission"):
        job.result()

    assert sum(clock.sleeps) == pytest.approx(690)
    assert job.state is JobState.EXPIRED


def test_a_result_written_before_the_first_poll_counts_after_the_deadline(
    make_endpoint: MakeEndpoint, clock: Clock
) -> None:
    endpoint, _ = make_endpoint(**after(50))
    job = endpoint.submit(b"abc", ttl=60, invocation_timeout=1)

    clock.now += 10_000

    assert job.result().json() == {"bytes": 3}


def test_without_a_failure_path_the_expiry_says_so(make_endpoint: MakeEndpoint) -> None:
    endpoint, _ = make_endpoint(failures=None)

    with pytest.raises(JobExpired, match="no failure path"):
        endpoint.submit(b"bad", ttl=60, invocation_timeout=1).result()


def test_an_old_object_under_the_same_key_is_not_the_result(clock: Clock) -> None:
    class ReusesKeys(InMemoryTransport):
        """Gives every request the same output, as SageMaker does when a file name is reused."""

        def submit(self, request: InvocationRequest) -> Acceptance:
            accepted = super().submit(request)
            output, fail = S3Location("memory", "output/same"), S3Location("memory", "failure/same")
            self.put(output, b'"new"', delay=60)
            return type(accepted)(accepted.inference_id, output, fail, accepted.accepted_at)

    transport = ReusesKeys(echo, clock=clock)
    endpoint = AsyncEndpoint("r", transport=transport, clock=clock, sleep=clock.sleep)
    transport.put(S3Location("memory", "output/same"), b'"old"')
    transport.put(S3Location("memory", "failure/same"), b"old failure")
    clock.now += 10

    job = endpoint.submit("s3://memory/in", inference_id="again")
    transport.put(S3Location("memory", "output/same"), b'"old"', delay=-10)
    assert job.status() is JobState.SUBMITTED

    transport.put(S3Location("memory", "output/same"), b'"new"', delay=60)
    assert job.result().json() == "new"


def test_two_jobs_with_one_key_both_get_its_object(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint()
    first, second = endpoint.submit(b"abc"), endpoint.submit(b"abcd")
    second.acceptance = first.acceptance

    endpoint.collect([first, second])

    assert first.output == second.output is not None
    assert (transport.calls["list_page"], transport.calls["get"]) == (2, 1), "in one poll"


def test_many_documents_keep_their_order_and_one_bad_one_does_not_stop_the_others(
    make_endpoint: MakeEndpoint, tmp_path: Path
) -> None:
    endpoint, _ = make_endpoint()
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(b"x" * number)
    paths = [tmp_path / f"{number}.png" for number in (4, 1, 9, 0)]

    jobs = endpoint.submit_many(paths)
    endpoint.collect(jobs)

    assert [job.document for job in jobs] == [str(path) for path in paths]
    assert [job.state for job in jobs] == ["COMPLETED", "COMPLETED", "FAILED", "COMPLETED"]
    assert (jobs[2].acceptance, jobs[2].output_location, jobs[2].done()) == (None, None, True)
    with pytest.raises(InvalidDocument, match=r"9\.png cannot be read"):
        jobs[2].result()


def test_documents_are_taken_only_a_few_ahead(make_endpoint: MakeEndpoint) -> None:
    endpoint, transport = make_endpoint()
    ahead: list[int] = []

    def documents() -> Iterator[bytes]:
        for _ in range(50):
            ahead.append(len(ahead) - transport.calls["submit"])
            yield b"x"

    assert len(endpoint.submit_many(documents(), concurrency=3)) == 50
    assert max(ahead) <= 6


def test_submissions_run_in_parallel(clock: Clock) -> None:
    together = threading.Barrier(4, timeout=10)

    def model(_: InvocationRequest, document: bytes) -> bytes:
        together.wait()
        return document

    endpoint = AsyncEndpoint("r", input_location="s3://inputs/", transport=InMemoryTransport(model, clock=clock))

    assert len(endpoint.submit_many([b"x"] * 4, concurrency=4)) == 4


def test_a_missing_endpoint_stops_all(clock: Clock) -> None:
    class Nowhere(InMemoryTransport):
        def submit(self, request: InvocationRequest) -> Acceptance:
            self.requests.append(request)
            raise EndpointNotFound("There is no endpoint r here.")

    transport = Nowhere(echo, clock=clock)
    endpoint = AsyncEndpoint("r", input_location="s3://inputs/", transport=transport)

    with pytest.raises(EndpointNotFound):
        endpoint.submit_many([b"x"] * 100, concurrency=2)

    assert len(transport.requests) <= 6


def test_what_was_accepted_before_an_interruption_is_known(clock: Clock) -> None:
    class Interrupted(InMemoryTransport):
        def submit(self, request: InvocationRequest) -> Acceptance:
            if len(self.requests) == 7:
                raise KeyboardInterrupt
            return super().submit(request)

    transport, known = Interrupted(echo, clock=clock), list[Job]()
    endpoint = AsyncEndpoint("r", input_location="s3://inputs/", transport=transport)

    with pytest.raises(KeyboardInterrupt):
        endpoint.submit_many([b"x"] * 100, concurrency=1, on_submitted=known.append)

    assert len(known) == len(transport.requests) == 7


def test_every_error_of_submitting_is_a_submit_error() -> None:
    assert all(issubclass(error, SubmitError) for error in (InvalidDocument, InvalidRequest, EndpointNotFound))
