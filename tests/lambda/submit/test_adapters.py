"""What each response of AWS does to a message, for responses that no local AWS sends."""

import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from async_endpoint.protocol import InvocationRequest
from submit.adapters import S3Documents, SageMakerEndpoint
from submit.ports import AcceptanceUnknown, Head, RetryLater


class _HangsUp(BaseHTTPRequestHandler):
    """Reads a request and breaks off."""

    def do_POST(self) -> None:  # the name is http.server's
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hanging_up() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _HangsUp) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join(timeout=5)


def test_after_a_broken_connection_the_acceptance_is_unknown(hanging_up: str, session: boto3.Session) -> None:
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    runtime = session.client("sagemaker-runtime", endpoint_url=hanging_up, config=config)

    with pytest.raises(AcceptanceUnknown, match="The endpoint receipts sent no response: Connection was closed"):
        SageMakerEndpoint(runtime).invoke(InvocationRequest(endpoint_name="receipts", input_location="s3://inputs/a"))
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
