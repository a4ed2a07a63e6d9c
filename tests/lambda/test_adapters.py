"""Which answer of AWS ends a message in which way, where no local AWS gives that answer."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from async_endpoint.protocol import InvocationRequest
from submit.adapters import S3Documents, SageMakerEndpoint
from submit.ports import AnswerUnknown, MessageKept


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


def test_nobody_knows_of_a_request_whose_connection_broke_off(hanging_up: str, session: boto3.Session) -> None:
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    runtime = session.client("sagemaker-runtime", endpoint_url=hanging_up, config=config)

    with pytest.raises(AnswerUnknown, match="The endpoint receipts gave no answer: Connection was closed"):
        SageMakerEndpoint(runtime).invoke(InvocationRequest(endpoint_name="receipts", input_location="s3://inputs/a"))
    runtime.close()


@pytest.mark.parametrize(
    ("status", "code", "taken"),
    [(500, "InternalFailure", "perhaps"), (503, "ServiceUnavailable", "perhaps"), (400, "ThrottlingException", "no")],
)
def test_after_an_error_of_sagemakers_own_the_request_may_have_been_taken(
    session: boto3.Session, status: int, code: str, taken: str
) -> None:
    runtime = session.client("sagemaker-runtime")
    with Stubber(runtime) as stub:
        stub.add_client_error("invoke_endpoint_async", service_error_code=code, http_status_code=status)

        with pytest.raises(MessageKept, match="The message is kept") as kept:
            SageMakerEndpoint(runtime).invoke(
                InvocationRequest(endpoint_name="receipts", input_location="s3://inputs/a")
            )

    assert isinstance(kept.value, AnswerUnknown) == (taken == "perhaps")
    runtime.close()


@pytest.mark.parametrize(("status", "code"), [(403, "403"), (503, "SlowDown")])
def test_a_document_that_may_be_there_keeps_its_message(session: boto3.Session, status: int, code: str) -> None:
    s3 = session.client("s3")
    with Stubber(s3) as stub:
        stub.add_client_error("head_object", service_error_code=code, http_status_code=status)

        with pytest.raises(MessageKept, match=r"s3://inputs/a cannot be looked at: .* the message is kept"):
            S3Documents(s3).head("inputs", "a")
    s3.close()
