"""What each response of AWS does to a message, for responses that no local AWS sends."""

from http import HTTPStatus

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from async_endpoint.protocol import InvocationRequest
from submit.adapters import S3Documents, SageMakerEndpoint
from submit.ports import Acceptance, AcceptanceUnknown, Head, RetryLater
from tests.support.raw_server import raw_server

ACCEPTED = (
    b"HTTP/1.1 202 Accepted\r\n"
    b"Content-Type: application/json\r\n"
    b"X-Amzn-SageMaker-OutputLocation: s3://outputs/1.out\r\n"
    b"X-Amzn-SageMaker-FailureLocation: s3://outputs/failures/1-error.out\r\n"
    b"Content-Length: 23\r\n\r\n"
    b'{"InferenceId": "id-1"}'
)


def test_after_a_broken_connection_the_acceptance_is_unknown_and_no_half_a_location_is_believed(
    session: boto3.Session,
) -> None:
    request = InvocationRequest(endpoint_name="receipts", input_location="s3://inputs/a")
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    with raw_server() as server:
        runtime = session.client("sagemaker-runtime", endpoint_url=server.url, config=config)
        endpoint = SageMakerEndpoint(runtime)

        server.response = ACCEPTED
        assert endpoint.invoke(request) == Acceptance("s3://outputs/1.out", "s3://outputs/failures/1-error.out")

        for size in range(len(ACCEPTED)):
            server.response = ACCEPTED[:size]
            with pytest.raises(AcceptanceUnknown, match="The endpoint receipts sent no"):
                endpoint.invoke(request)
        runtime.close()


def test_what_did_not_come_over_the_network_needs_no_length(session: boto3.Session) -> None:
    runtime = session.client("sagemaker-runtime")
    with Stubber(runtime) as stub:
        stub.add_response("invoke_endpoint_async", {"OutputLocation": "s3://outputs/1.out"})
        request = InvocationRequest(endpoint_name="receipts", input_location="s3://inputs/a")

        assert SageMakerEndpoint(runtime).invoke(request) == Acceptance("s3://outputs/1.out", None)
    runtime.close()


@pytest.mark.parametrize(
    ("status", "code", "accepted"),
    [
        (HTTPStatus.INTERNAL_SERVER_ERROR, "InternalFailure", "perhaps"),
        (HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", "perhaps"),
        (HTTPStatus.BAD_REQUEST, "ThrottlingException", "no"),
    ],
)
def test_after_a_server_error_the_request_may_have_been_accepted(
    session: boto3.Session, status: int, code: str, accepted: str
) -> None:
    runtime = session.client("sagemaker-runtime")
    with Stubber(runtime) as stub:
        stub.add_client_error("invoke_endpoint_async", service_error_code=code, http_status_code=status)

        with pytest.raises(RetryLater, match=code) as raised:
            SageMakerEndpoint(runtime).invoke(
                InvocationRequest(endpoint_name="receipts", input_location="s3://inputs/a")
            )

    assert isinstance(raised.value, AcceptanceUnknown) == (accepted == "perhaps")
    runtime.close()


def test_the_head_of_a_document_tells_how_it_was_uploaded(session: boto3.Session) -> None:
    s3 = session.client("s3")
    with Stubber(s3) as stub:
        stub.add_response(
            "head_object",
            {"ETag": '"1"', "VersionId": "v1", "ContentType": "image/jpeg", "ContentEncoding": "gzip"},
            {"Bucket": "inputs", "Key": "a"},
        )

        assert S3Documents(s3).head("inputs", "a") == Head("v1", '"1"', "image/jpeg", "gzip")
    s3.close()


@pytest.mark.parametrize(
    ("status", "code"), [(HTTPStatus.FORBIDDEN, "403"), (HTTPStatus.SERVICE_UNAVAILABLE, "SlowDown")]
)
def test_a_document_that_cannot_be_read_now_is_retried_later(session: boto3.Session, status: int, code: str) -> None:
    s3 = session.client("s3")
    with Stubber(s3) as stub:
        stub.add_client_error("head_object", service_error_code=code, http_status_code=status)

        with pytest.raises(RetryLater, match=r"s3://inputs/a cannot be read: .*"):
            S3Documents(s3).head("inputs", "a")
    s3.close()
