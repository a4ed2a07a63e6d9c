"""A response of InvokeEndpointAsync that breaks off: SageMaker may have the document, so it is not sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from botocore.config import Config

from async_endpoint.client import AwsTransport, AwsUnavailable, SubmitError, Throttled, UnknownSubmission
from async_endpoint.protocol import InvocationRequest, S3Location
from tests.support.raw_server import RawServer, raw_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

BODY = b'{"InferenceId": "id-1"}'
HEAD = (
    b"HTTP/1.1 202 Accepted\r\n"
    b"X-Amzn-SageMaker-OutputLocation: s3://outputs/runs/r/1.out\r\n"
    b"X-Amzn-SageMaker-FailureLocation: s3://outputs/failures/runs/r/1-error.out\r\n"
    b"Content-Type: application/json\r\n"
)
WITH_LENGTH = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
IN_CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
REQUEST = InvocationRequest(endpoint_name="receipts", input_location="s3://inputs/key", inference_id="id-1")


@pytest.fixture
def server() -> Iterator[RawServer]:
    with raw_server() as server:
        yield server


def transport_of(session: boto3.Session, server: RawServer, config: Config) -> AwsTransport:
    """The transport of a caller's own clients, which have nothing of the package's."""
    runtime = session.client("sagemaker-runtime", endpoint_url=server.url, config=config)
    return AwsTransport(runtime=runtime, s3=session.client("s3"))


@pytest.mark.parametrize("whole", [WITH_LENGTH, IN_CHUNKS], ids=["with a length", "in chunks"])
def test_a_response_that_is_cut_anywhere_leaves_the_submission_unknown(
    whole: bytes, server: RawServer, session: boto3.Session
) -> None:
    transport = transport_of(session, server, Config(retries={"total_max_attempts": 1}))

    server.response = whole
    assert transport.submit(REQUEST).output_location == S3Location("outputs", "runs/r/1.out")

    # Nobody misses the empty lines after the last chunk.
    for size in range(len(whole) - (len(b"\r\n\r\n") if whole is IN_CHUNKS else 0)):
        server.response = whole[:size]
        with pytest.raises(UnknownSubmission):
            transport.submit(REQUEST)


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_a_document_whose_response_was_cut_within_its_headers_is_not_sent_again(
    mode: Literal["legacy", "standard", "adaptive"], server: RawServer, session: boto3.Session
) -> None:
    transport = transport_of(session, server, Config(retries={"mode": mode, "total_max_attempts": 3}))
    for size in range(len(b"HTTP/1.1 202"), WITH_LENGTH.index(b"%d\r\n" % len(BODY))):
        server.response, server.requests = WITH_LENGTH[:size], 0

        with pytest.raises(UnknownSubmission, match=r"the request id-1.* the response 202 was cut off") as raised:
            transport.submit(REQUEST)

        assert not isinstance(raised.value, AwsUnavailable), "the other documents of a run go on"
        assert server.requests == 1


def test_the_clients_of_the_package_send_no_document_again_either(
    server: RawServer, session: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    server.response = HEAD[:80]
    transport = AwsTransport.from_session(session, concurrency=1, max_attempts=3)

    with pytest.raises(UnknownSubmission, match="cut off within its headers"):
        transport.submit(REQUEST)

    assert server.requests == 1


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nConte", UnknownSubmission),
        (b"HTTP/1.1 400 Bad Request\r\nx-amzn-ErrorType: ThrottlingException\r\nConte", Throttled),
    ],
)
def test_an_error_that_is_cut_says_enough_to_be_retried(
    response: bytes,
    error: type[SubmitError],
    server: RawServer,
    session: boto3.Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    server.response = response
    transport = transport_of(session, server, Config(retries={"mode": "standard", "total_max_attempts": 3}))

    with pytest.raises(error) as raised:
        transport.submit(REQUEST)

    assert type(raised.value) is error
    assert server.requests == 3
