"""The transport to AWS, against S3 and an endpoint that speak HTTP."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config

from async_endpoint.client import (
    AsyncEndpoint,
    AsyncEndpointError,
    AwsTransport,
    AwsUnavailable,
    ConnectionLost,
    EndpointNotFound,
    InvalidDocument,
    InvalidRequest,
    Job,
    JobFailed,
    JobState,
    Payload,
    StorageError,
    SubmitError,
    Throttled,
    UnknownSubmission,
)
from async_endpoint.protocol import InvocationRequest, S3Location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import boto3
    from mypy_boto3_s3.client import S3Client

    from tests.support.endpoint_fixtures import EndpointServer


@pytest.fixture
def transport(aws_url: str, server: EndpointServer, session: boto3.Session) -> Iterator[AwsTransport]:
    config = Config(retries={"mode": "standard", "total_max_attempts": 2})
    runtime = session.client("sagemaker-runtime", endpoint_url=server.url, config=config)
    s3 = session.client("s3", endpoint_url=aws_url, config=config)
    yield AwsTransport(runtime=runtime, s3=s3)
    runtime.close()
    s3.close()


@pytest.fixture
def endpoint(transport: AwsTransport, bucket: str) -> AsyncEndpoint:
    return AsyncEndpoint("receipts", input_location=f"s3://{bucket}/in", transport=transport)


@pytest.fixture
def request_of(transport: AwsTransport, bucket: str) -> Callable[[], InvocationRequest]:
    place = S3Location(bucket, "in/a")
    transport.upload(b"abc", place, "image/png")
    return lambda: InvocationRequest(endpoint_name="receipts", input_location=place.uri, inference_id="id-1")


def test_a_document_is_uploaded_and_its_result_fetched(endpoint: AsyncEndpoint, server: EndpointServer) -> None:
    job = endpoint.submit(b"\x89PNG\r\n\x1a\n....", ttl=600, invocation_timeout=30, custom_attributes="till=7")

    result = job.result(timeout=10)

    assert result.json() == {"bytes": 12}
    assert result.content_type == "application/json"
    (sent,) = server.requests
    assert (sent.content_type, sent.inference_id, sent.custom_attributes) == ("image/png", job.inference_id, "till=7")
    assert (sent.request_ttl_seconds, sent.invocation_timeout_seconds) == (600, 30)


def test_a_failed_document_has_the_reason_from_its_failure_object(endpoint: AsyncEndpoint) -> None:
    with pytest.raises(JobFailed, match="The image cannot be read") as failed:
        endpoint.submit(b"bad").result(timeout=10)

    assert failed.value.reason == "The image cannot be read."


def test_many_documents_are_collected_through_listings(endpoint: AsyncEndpoint, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.png").write_bytes(b"x" * number)

    jobs = endpoint.submit_many(sorted(tmp_path.iterdir()), concurrency=8)
    endpoint.collect(jobs, timeout=30)

    assert [job.output and job.output.json()["bytes"] for job in jobs] == list(range(30))


def test_a_large_file_goes_up_in_parts(transport: AwsTransport, bucket: str, s3: S3Client, tmp_path: Path) -> None:
    large = tmp_path / "large.tif"
    large.write_bytes(bytes(9_000_000))

    transport.upload(large, S3Location(bucket, "in/large"), "application/x-image")

    stored = s3.head_object(Bucket=bucket, Key="in/large")
    assert (stored["ContentLength"], stored["ContentType"]) == (9_000_000, "application/x-image")
    assert stored["ETag"].endswith('-2"')


def test_a_listing_comes_in_pages_that_follow_one_another(transport: AwsTransport, bucket: str, s3: S3Client) -> None:
    keys = [f"out/{number:04} ü+%" for number in range(1003)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b""), keys))

    first = transport.list_page(S3Location(bucket, "out/"), "")
    second = transport.list_page(S3Location(bucket, "out/"), first.objects[-1].key)

    assert (first.is_truncated, second.is_truncated) == (True, False)
    assert [found.key for found in (*first.objects, *second.objects)] == keys
    assert abs(first.objects[0].last_modified - datetime.now(UTC)) < timedelta(minutes=2)


def test_an_acceptance_carries_the_locations_and_the_time_of_the_response(
    transport: AwsTransport, bucket: str, request_of: Callable[[], InvocationRequest]
) -> None:
    accepted = transport.submit(request_of())

    assert accepted.inference_id == "id-1"
    assert accepted.output_location.bucket == bucket
    assert accepted.output_location.key.startswith("out/")
    assert accepted.failure_location is not None
    assert accepted.failure_location.key.endswith("-error.out")
    assert abs(accepted.accepted_at - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("rejection", "error"),
    [
        (
            (HTTPStatus.BAD_REQUEST, "ValidationError", "Endpoint receipts of account 123456789012 not found."),
            EndpointNotFound,
        ),
        (
            (HTTPStatus.BAD_REQUEST, "ValidationError", "1 validation error detected: Value 'x' at 'accept'"),
            InvalidRequest,
        ),
        ((HTTPStatus.FORBIDDEN, "AccessDeniedException", "You are not authorized"), AwsUnavailable),
        ((HTTPStatus.CONFLICT, "ModelNotReadyException", "The model is not ready"), SubmitError),
        ((HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", "Try again"), UnknownSubmission),
    ],
)
def test_a_rejection_becomes_an_error_of_the_tree(
    transport: AwsTransport,
    server: EndpointServer,
    request_of: Callable[[], InvocationRequest],
    rejection: tuple[int, str, str],
    error: type[SubmitError],
) -> None:
    server.rejections = [rejection] * 2

    with pytest.raises(error, match=re.escape(rejection[2])) as raised:
        transport.submit(request_of())

    assert type(raised.value) is error


def test_throttling_is_retried_and_then_raised(
    transport: AwsTransport, server: EndpointServer, request_of: Callable[[], InvocationRequest]
) -> None:
    throttled = (HTTPStatus.BAD_REQUEST, "ThrottlingException", "Rate exceeded")

    server.rejections = [throttled]
    assert transport.submit(request_of()).inference_id == "id-1"

    server.rejections = [throttled] * 3
    with pytest.raises(Throttled, match="lower the concurrency"):
        transport.submit(request_of())
    assert len(server.rejections) == 1, "two attempts, as the client was made"


@pytest.mark.parametrize(
    ("last", "error"),
    [
        ((HTTPStatus.BAD_REQUEST, "ValidationError", "1 validation error detected"), UnknownSubmission),
        ((HTTPStatus.FORBIDDEN, "ExpiredTokenException", "expired"), ConnectionLost),
    ],
)
def test_a_rejection_after_a_lost_response_leaves_the_submission_unknown(
    transport: AwsTransport,
    server: EndpointServer,
    request_of: Callable[[], InvocationRequest],
    last: tuple[int, str, str],
    error: type[SubmitError],
) -> None:
    server.rejections = [(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalFailure", "lost"), last]
    with pytest.raises(error, match="may have been accepted") as raised:
        transport.submit(request_of())
    assert type(raised.value) is error

    server.rejections = [last]
    with pytest.raises(SubmitError) as raised:
        transport.submit(request_of())
    assert not isinstance(raised.value, UnknownSubmission)


@pytest.mark.usefixtures("local_services")
def test_retries_can_be_switched_off(server: EndpointServer, session: boto3.Session, bucket: str) -> None:
    server.rejections = [(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", "busy")] * 2
    endpoint = AsyncEndpoint("receipts", session=session, max_attempts=1)

    with pytest.raises(SubmitError, match="busy"):
        endpoint.submit(f"s3://{bucket}/in/a")

    assert len(server.rejections) == 1


def test_an_endpoint_that_names_no_output_has_its_own_error(
    transport: AwsTransport, server: EndpointServer, request_of: Callable[[], InvocationRequest]
) -> None:
    server.has_output_path = False

    with pytest.raises(SubmitError, match=r"accepted the request id-1 without an output location .* S3OutputPath"):
        transport.submit(request_of())


def test_errors_of_s3_are_sentences(transport: AwsTransport, tmp_path: Path) -> None:
    nowhere = S3Location("no-such-bucket-here", "key")

    with pytest.raises(StorageError, match=r"no-such-bucket-here/key cannot be listed: .*NoSuchBucket"):
        transport.list_page(nowhere, "")
    with pytest.raises(StorageError, match="no-such-bucket-here/key cannot be read"):
        transport.get(nowhere)
    with pytest.raises(SubmitError, match=r"cannot be uploaded to s3://no-such-bucket-here/: .*NoSuchBucket"):
        transport.upload(b"abc", nowhere, "image/png")
    with pytest.raises(InvalidDocument, match=r"gone\.png cannot be read: No such file"):
        transport.upload(tmp_path / "gone.png", nowhere, "image/png")


def test_an_unreachable_service_is_a_sentence(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9")
    transport = AwsTransport.from_session(session, concurrency=1, max_attempts=2)

    with pytest.raises(AwsUnavailable, match="cannot be called: Could not connect") as raised:
        transport.submit(InvocationRequest(endpoint_name="receipts", input_location="s3://bucket/key"))
    assert not isinstance(raised.value, UnknownSubmission), "nothing was sent"
    with pytest.raises(StorageError, match="cannot be listed: Could not connect"):
        transport.list_page(S3Location("bucket", ""), "")


def test_a_missing_region_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    with pytest.raises(AsyncEndpointError, match="boto3 cannot reach AWS as configured: You must specify a region"):
        AsyncEndpoint("receipts")


@pytest.mark.usefixtures("local_services")
def test_the_connection_pool_has_a_place_for_each_thread(
    session: boto3.Session, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = AsyncEndpoint("receipts", input_location=f"s3://{bucket}/in", session=session, concurrency=24)
    together = threading.Barrier(24, timeout=60)

    def wait_for_the_others(_: Job) -> None:
        together.wait()

    jobs = endpoint.submit_many([b"x"] * 48, on_submitted=wait_for_the_others)
    endpoint.collect(jobs, timeout=60)

    assert all(job.state is JobState.COMPLETED for job in jobs)
    assert "Connection pool is full" not in caplog.text


def test_a_payload_keeps_its_media_type(transport: AwsTransport, bucket: str) -> None:
    transport.upload(b"{}", S3Location(bucket, "k"), "application/json")

    assert transport.get(S3Location(bucket, "k")) == Payload(b"{}", "application/json")
